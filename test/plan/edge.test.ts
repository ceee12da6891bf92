import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { edgeFaults } from "../../plan/edge-limits.ts";
import type { EdgePlan } from "../../plan/types.ts";
import { messagesOf } from "../support/faults.ts";
import { planOf } from "../support/platform.ts";

const hosts = (count: number) => Array.from({ length: count }, (_, index) => `h${index}`);

describe("DNS", () => {
  it("points every host at every load balancer, by its full name and through the edge", () => {
    const records = planOf(3).edge.records.map((record) => [
      record.name,
      record.fqdn,
      record.primaryIp,
      record.proxied,
    ]);
    assert.deepEqual(records, [
      ["chitlaq.com-lb-1", "chitlaq.com", "lb-1-ipv4", true],
      ["chitlaq.com-lb-2", "chitlaq.com", "lb-2-ipv4", true],
      ["www.chitlaq.com-lb-1", "www.chitlaq.com", "lb-1-ipv4", true],
      ["www.chitlaq.com-lb-2", "www.chitlaq.com", "lb-2-ipv4", true],
      ["api.chitlaq.com-lb-1", "api.chitlaq.com", "lb-1-ipv4", true],
      ["api.chitlaq.com-lb-2", "api.chitlaq.com", "lb-2-ipv4", true],
    ]);
  });
});

describe("the zone", () => {
  it("is Free in phase 1 and Pro from phase 2, unless config says otherwise", () => {
    assert.deepEqual(
      [planOf(1), planOf(2), planOf(3)].map((plan) => plan.edge.plan),
      ["free", "pro", "pro"],
    );
    assert.equal(planOf(1, { edge: { plan: "business" } }).edge.plan, "business");
  });

  it("speaks TLS 1.2 and newer, strictly, with HTTP/3 and WebSockets and without replayable requests", () => {
    assert.deepEqual(planOf(1).edge.settings, {
      ssl: "strict",
      min_tls_version: "1.2",
      tls_1_3: "on",
      always_use_https: "on",
      automatic_https_rewrites: "on",
      http3: "on",
      "0rtt": "off",
      websockets: "on",
      brotli: "on",
      early_hints: "on",
    });
  });
});

describe("caching", () => {
  it("covers static paths, for no less than the plan's minimum, and the API last and never", () => {
    const rules = (phase: 1 | 2) =>
      planOf(phase).edge.cacheRules.map(({ ref, cache, edgeTtlSeconds }) => [ref, cache, edgeTtlSeconds]);
    assert.deepEqual(rules(1), [
      ["static", true, 7_200],
      ["api", false, null],
    ]);
    assert.deepEqual(rules(2)[0], ["static", true, 3_600]);
  });

  it("follows the configured paths and hosts", () => {
    const [assets, api] = planOf(1, { edge: { staticPaths: ["/a/"], hosts: ["@", "api"] } }).edge.cacheRules;
    assert.equal(assets?.expression, `(starts_with(http.request.uri.path, "/a/"))`);
    assert.equal(api?.expression, `(http.host eq "api.chitlaq.com") or (starts_with(http.request.uri.path, "/api/"))`);
    const [only, ...none] = planOf(1, { edge: { staticPaths: [], hosts: ["@"] } }).edge.cacheRules;
    assert.equal(only?.expression, `(starts_with(http.request.uri.path, "/api/"))`);
    assert.deepEqual(none, []);
  });
});

describe("rate limits", () => {
  const rates = (plan: string) =>
    planOf(2, { edge: { plan } }).edge.rateLimits.map((rule) => [
      rule.ref,
      rule.requestsPerPeriod,
      rule.periodSeconds,
      rule.mitigationTimeoutSeconds,
    ]);

  it("use what each Cloudflare plan allows", () => {
    assert.deepEqual(rates("free"), [["auth", 10, 10, 10]]);
    assert.deepEqual(rates("pro"), [
      ["auth", 20, 60, 3_600],
      ["api", 1_200, 60, 60],
    ]);
    assert.deepEqual(
      rates("business").map(([ref]) => ref),
      ["auth", "writes"],
    );
  });

  it("hold a client to the same rate as nginx", () => {
    const { edge, services } = planOf(2);
    const api = edge.rateLimits.find((rule) => rule.ref === "api");
    assert.equal(
      (api?.requestsPerPeriod ?? 0) / (api?.periodSeconds ?? 1),
      services.loadBalancer.limits.requestsPerSecondPerClient,
    );
  });
});

describe("a Cloudflare plan's limits", () => {
  it("hold for what every phase and plan builds", () => {
    for (const phase of [1, 2, 3] as const) {
      for (const plan of ["free", "pro", "business"])
        assert.deepEqual(edgeFaults(planOf(phase, { edge: { plan } }).edge), []);
    }
  });

  it("stop a config that wants more, with the way out", () => {
    assert.deepEqual(
      messagesOf(() => planOf(3, { edge: { plan: "free", hosts: hosts(101) } })),
      [
        "edge.hosts: 202 DNS records given, Cloudflare's free plan allows 200; shorten platform.edge.hosts or set platform.edge.plan to a larger plan",
      ],
    );
    assert.equal(planOf(3, { edge: { plan: "pro", hosts: hosts(101) } }).edge.records.length, 202);
    const staticPaths = hosts(100).map((name) => `/${name}/`);
    assert.deepEqual(
      messagesOf(() => planOf(1, { edge: { staticPaths } })),
      [
        "edge.staticPaths: an expression of 4886 characters given, Cloudflare takes 4096; shorten platform.edge.staticPaths",
      ],
    );
  });

  const free = planOf(1).edge;
  const [rate] = free.rateLimits;
  const [waf] = free.wafRules;
  const [cache] = free.cacheRules;
  assert.ok(rate !== undefined && waf !== undefined && cache !== undefined);
  const broken: readonly (readonly [string, Partial<EdgePlan>, string])[] = [
    [
      "a second rate limit",
      { rateLimits: [rate, { ...rate, ref: "b" }] },
      "2 rate limits: Cloudflare's free plan allows 1",
    ],
    [
      "a long period",
      { rateLimits: [{ ...rate, periodSeconds: 60 }] },
      "60 s as period of auth: Cloudflare's free plan allows 10",
    ],
    [
      "a long mitigation",
      { rateLimits: [{ ...rate, mitigationTimeoutSeconds: 60 }] },
      "60 s as mitigation of auth: Cloudflare's free plan allows 10",
    ],
    [
      "counting by method",
      { rateLimits: [{ ...rate, expression: `http.request.method eq "POST"` }] },
      "http.request.method in rate limit auth: Cloudflare's free plan cannot limit by it",
    ],
    ["six WAF rules", { wafRules: Array(6).fill(waf) }, "6 WAF rules: Cloudflare's free plan allows 5"],
    [
      "a regular expression",
      { wafRules: [{ ...waf, expression: `http.request.uri.path matches "^/x"` }] },
      `a regular expression in rule probes: Cloudflare's free plan has none`,
    ],
    ["eleven cache rules", { cacheRules: Array(11).fill(cache) }, "11 cache rules: Cloudflare's free plan allows 10"],
    [
      "caching for a minute",
      { cacheRules: [{ ...cache, edgeTtlSeconds: 60 }] },
      "60 s as edge TTL of static: Cloudflare's free plan caches for 7200 s or longer",
    ],
  ];
  for (const [what, change, expected] of broken) {
    it(`are checked: ${what}`, () => {
      assert.deepEqual(
        edgeFaults({ ...free, ...change }).map(({ value, rule }) => `${value}: ${rule}`),
        [expected],
      );
    });
  }
});

it("rules have distinct references, by which Cloudflare keeps their ids", () => {
  for (const plan of ["free", "pro", "business"]) {
    const { cacheRules, rateLimits, wafRules } = planOf(2, { edge: { plan } }).edge;
    for (const rules of [cacheRules, rateLimits, wafRules]) {
      assert.equal(new Set(rules.map((rule) => rule.ref)).size, rules.length);
    }
  }
});
