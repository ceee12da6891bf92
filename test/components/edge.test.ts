import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { otherZonePlan, staleOriginRanges } from "../../components/edge/checks.ts";
import { Edge } from "../../components/edge/edge.ts";
import type { EdgePlan } from "../../plan/types.ts";
import { type Capture, capture, unknown } from "../support/capture.ts";
import { resource } from "./fixtures.ts";

const zoneId = "023e105f4ecef8ad9ca31a8372d0c353";

const edgePlan: EdgePlan = {
  zone: "chitlaq.com",
  plan: "pro",
  records: [
    { name: "chitlaq.com-lb-1", fqdn: "chitlaq.com", type: "A", primaryIp: "lb-1-ipv4", proxied: true },
    { name: "api.chitlaq.com-lb-1", fqdn: "api.chitlaq.com", type: "A", primaryIp: "lb-1-ipv4", proxied: true },
  ],
  settings: { ssl: "strict", browser_cache_ttl: 0 },
  cacheRules: [
    {
      ref: "static",
      description: "static files",
      expression: "a",
      cache: true,
      edgeTtlSeconds: 7200,
      browserTtlSeconds: null,
    },
    {
      ref: "api",
      description: "never the API",
      expression: "b",
      cache: false,
      edgeTtlSeconds: null,
      browserTtlSeconds: null,
    },
  ],
  rateLimits: [
    {
      ref: "login",
      description: "logins",
      expression: "c",
      characteristics: ["cf.colo.id", "ip.src"],
      periodSeconds: 10,
      requestsPerPeriod: 20,
      mitigationTimeoutSeconds: 10,
    },
  ],
  wafRules: [{ ref: "scan", description: "scanners", expression: "d", action: "managed_challenge" }],
  tieredCache: true,
  authenticatedOriginPulls: true,
  originRanges: { date: "2026-11-01", ranges: ["173.245.48.0/20"] },
};

const answers = {
  "cloudflare:index/getZone:getZone": { zoneId, id: zoneId, plan: { legacyId: "pro" } },
  "cloudflare:index/getIpRanges:getIpRanges": { ipv4Cidrs: ["173.245.48.0/20"], ipv6Cidrs: ["2400:cb00::/32"] },
} as const;

type Answers = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

const captureEdge = (edge: EdgePlan = edgePlan, calls: Answers = answers): Promise<Capture> =>
  capture(() => ({ urls: new Edge("edge", { edge, addresses: { "lb-1-ipv4": "192.0.2.1" } }).urls }), { calls });

describe("the edge", () => {
  it("finds the zone by name and never makes one", async () => {
    const captured = await captureEdge();
    assert.deepEqual(
      captured.calls.find(({ token }) => token.includes("getZone")),
      {
        token: "cloudflare:index/getZone:getZone",
        inputs: { filter: { name: "chitlaq.com" } },
      },
    );
    assert.deepEqual(
      captured.resources.filter(({ type }) => type === "cloudflare:index/zone:Zone"),
      [],
    );
  });

  it("points proxied records at the public doors", async () => {
    const captured = await captureEdge();
    assert.deepEqual(resource(captured, "edge-api.chitlaq.com-lb-1").inputs, {
      zoneId,
      name: "api.chitlaq.com",
      type: "A",
      content: "192.0.2.1",
      proxied: true,
      ttl: 1,
    });
    assert.deepEqual(captured.outputs.urls, ["https://chitlaq.com", "https://api.chitlaq.com"]);
  });

  it("sets each zone setting of the plan, and no other", async () => {
    const captured = await captureEdge();
    const settings = captured.resources.filter(({ type }) => type === "cloudflare:index/zoneSetting:ZoneSetting");
    assert.deepEqual(
      settings.map(({ name, inputs }) => [name, inputs]),
      [
        ["edge-setting-ssl", { zoneId, settingId: "ssl", value: "strict" }],
        ["edge-setting-browser_cache_ttl", { zoneId, settingId: "browser_cache_ttl", value: 0 }],
      ],
    );
  });

  it("caches what the plan says, for as long as it says", async () => {
    const cache = resource(await captureEdge(), "edge-cache");
    assert.deepEqual(cache.inputs, {
      zoneId,
      kind: "zone",
      name: "chitlaq cache",
      phase: "http_request_cache_settings",
      rules: [
        {
          ref: "static",
          description: "static files",
          expression: "a",
          enabled: true,
          action: "set_cache_settings",
          actionParameters: {
            cache: true,
            edgeTtl: { mode: "override_origin", default: 7200 },
            browserTtl: { mode: "respect_origin" },
          },
        },
        {
          ref: "api",
          description: "never the API",
          expression: "b",
          enabled: true,
          action: "set_cache_settings",
          actionParameters: { cache: false },
        },
      ],
    });
    assert.equal(cache.options.deleteBeforeReplace, true, "a zone has one ruleset per phase");
  });

  it("limits rates and challenges by one ruleset each", async () => {
    const captured = await captureEdge();
    assert.deepEqual(resource(captured, "edge-rate-limit").inputs.rules, [
      {
        ref: "login",
        description: "logins",
        expression: "c",
        enabled: true,
        action: "block",
        ratelimit: {
          characteristics: ["cf.colo.id", "ip.src"],
          period: 10,
          requestsPerPeriod: 20,
          mitigationTimeout: 10,
        },
      },
    ]);
    assert.equal(resource(captured, "edge-rate-limit").inputs.phase, "http_ratelimit");
    assert.deepEqual(resource(captured, "edge-waf").inputs.rules, [
      { ref: "scan", description: "scanners", expression: "d", enabled: true, action: "managed_challenge" },
    ]);
    assert.equal(resource(captured, "edge-waf").inputs.phase, "http_request_firewall_custom");
  });

  it("makes no ruleset without rules, because an empty one would take the phase's only place", async () => {
    const { resources } = await captureEdge({ ...edgePlan, cacheRules: [], rateLimits: [], wafRules: [] });
    assert.deepEqual(
      resources.filter(({ type }) => type === "cloudflare:index/ruleset:Ruleset"),
      [],
    );
  });

  it("states tiered cache and origin pulls even when they are off: deleting the setting would not turn it off", async () => {
    const on = await captureEdge();
    assert.deepEqual(resource(on, "edge-tiered-cache").inputs, { zoneId, value: "on" });
    assert.deepEqual(resource(on, "edge-origin-pulls").inputs, { zoneId, enabled: true });
    const off = await captureEdge({ ...edgePlan, tieredCache: false, authenticatedOriginPulls: false });
    assert.deepEqual(resource(off, "edge-tiered-cache").inputs, { zoneId, value: "off" });
    assert.deepEqual(resource(off, "edge-origin-pulls").inputs, { zoneId, enabled: false });
  });

  it("refuses a record without an address", async () => {
    const program = () => ({ urls: new Edge("edge", { edge: edgePlan, addresses: {} }).urls });
    await assert.rejects(
      capture(program, { calls: answers }),
      /edge: no address for chitlaq\.com \(lb-1-ipv4\), api\./,
    );
  });

  it("previews records whose address is not known yet", async () => {
    const program = () => ({
      urls: new Edge("edge", { edge: edgePlan, addresses: { "lb-1-ipv4": "192.0.2.1" } }).urls,
    });
    const captured = await capture(program, { calls: answers, preview: true });
    assert.equal(resource(captured, "edge-cache").inputs.zoneId, zoneId);
    assert.notEqual(resource(captured, "edge-chitlaq.com-lb-1").inputs.content, unknown);
  });
});

describe("what the edge warns of", () => {
  it("is nothing while the world is as planned", async () => {
    assert.deepEqual((await captureEdge()).warnings, []);
  });

  it("is Cloudflare using other addresses than the origin lets in", async () => {
    const { warnings } = await captureEdge(edgePlan, {
      ...answers,
      "cloudflare:index/getIpRanges:getIpRanges": { ipv4Cidrs: ["198.51.100.0/24"], ipv6Cidrs: [] },
    });
    assert.deepEqual(warnings, [
      "edge.originRanges: Cloudflare's address ranges have changed since 2026-11-01; the origin refuses 198.51.100.0/24; the origin still lets in 173.245.48.0/20; update the ranges in the plan",
    ]);
  });

  it("is a zone on another plan than the rules were made for", async () => {
    const { warnings } = await captureEdge(edgePlan, {
      ...answers,
      "cloudflare:index/getZone:getZone": { zoneId, plan: { legacyId: "free" } },
    });
    assert.equal(warnings.length, 1);
    assert.match(warnings[0] ?? "", /made for Cloudflare pro, but the zone is on free/);
  });
});

describe("the pure checks", () => {
  const planned = { date: "2026-11-01", ranges: ["173.245.48.0/20", "2400:cb00::/32"] };

  it("compare IPv6 only when the plan lists IPv6", () => {
    assert.equal(staleOriginRanges(planned, ["173.245.48.0/20", "2400:cb00::/32"]), null);
    assert.equal(staleOriginRanges({ ...planned, ranges: ["173.245.48.0/20"] }, planned.ranges), null);
    assert.match(staleOriginRanges(planned, ["173.245.48.0/20"]) ?? "", /still lets in 2400:cb00::\/32/);
  });

  it("stay silent when Cloudflare does not name the zone's plan", () => {
    assert.equal(otherZonePlan("free", undefined), null);
    assert.equal(otherZonePlan("free", ""), null);
    assert.equal(otherZonePlan("free", "free"), null);
  });
});
