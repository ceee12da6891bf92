/** DNS records, settings, rulesets, certificates and health checks. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Properties } from "../../../../local/plugins/core/values.ts";
import { selfSigned, signingRequest } from "../certificates.ts";
import { assertReplacedBy, bear, bury, grow } from "../life.ts";
import { type Answer, type LocalCloud, startCloud } from "../localCloud.ts";
import { cloudflareProvider, type Provider } from "../provider.ts";

const token = (type: string): string => `cloudflare:index/${type.charAt(0).toLowerCase()}${type.slice(1)}:${type}`;
const RECORD = token("DnsRecord");
const SETTING = token("ZoneSetting");
const RULESET = token("Ruleset");

describe("resources of a zone", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let zoneId: string;
  before(async () => {
    cloud = await startCloud();
    provider = await cloudflareProvider(cloud);
    zoneId = (await cloud.cf("GET", "/zones?name=example.com"))[0].id;
  });
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const faults = async (type: string, inputs: Properties): Promise<readonly string[]> =>
    (await provider.check(type, inputs)).faults.map(({ property }) => property);
  const inZone = ({ id }: { readonly id: string }): string => `${zoneId}/${id}`;

  it("DnsRecord", async () => {
    const inputs = { zoneId, name: "WWW.example.com", type: "A", content: "192.0.2.1", ttl: 1, proxied: true };
    const made = await bear(provider, RECORD, { inputs, importId: inZone });
    assert.deepEqual([made.outputs.proxiable, made.outputs.ttl], [true, 1]);
    assert.match(made.id, /^[0-9a-f]{32}$/);
    await assertReplacedBy(provider, RECORD, made, { zoneId: "f".repeat(32) });
    const next = { ...inputs, proxied: false, ttl: 300, content: "192.0.2.2", comment: "moved", tags: ["a:b"] };
    const grown = await grow(provider, RECORD, made, next, {
      changed: ["proxied", "ttl", "content", "comment", "tags"],
    });
    const bare = await provider.diff(RECORD, grown, { ...inputs, ttl: 300, proxied: false });
    assert.deepEqual(
      new Set(Object.keys(bare.detailed)),
      new Set(["content", "comment"]),
      "tags are the API's to keep",
    );
    await bury(provider, RECORD, grown);
    assert.deepEqual(
      await faults(RECORD, { zoneId, name: "x", type: "A", ttl: 60, content: "192.0.2.1", proxied: true }),
      ["ttl"],
    );
    assert.deepEqual(await faults(RECORD, { zoneId, name: "x", type: "A", ttl: 60 }), ["content"]);
    assert.deepEqual(await faults(RECORD, {}), ["zoneId", "name", "type", "ttl"]);
  });

  it("DnsRecord with data and priority", async () => {
    const data = { flags: 0, tag: "issue", value: "letsencrypt.org" };
    const caa = await bear(provider, RECORD, {
      inputs: { zoneId, name: "caa.example.com", type: "CAA", ttl: 300, data },
      importId: inZone,
    });
    const stricter = { ...caa.inputs, data: { ...data, flags: 128 } };
    await bury(provider, RECORD, await grow(provider, RECORD, caa, stricter, { changed: ["data"] }));
    const mx = { zoneId, name: "mx.example.com", type: "MX", ttl: 300, content: "mail.example.net", priority: 10 };
    await bury(provider, RECORD, await bear(provider, RECORD, { inputs: mx, importId: inZone }));
  });

  it("ZoneSetting of a text, a number and an object, which stays when the resource goes", async () => {
    const path = (setting: string): string => `/zones/${zoneId}/settings/${setting}`;
    const inputs = { zoneId, settingId: "ssl", value: "strict" };
    const made = await bear(provider, SETTING, { inputs, importId: inZone });
    assert.equal(made.id, "ssl");
    const grown = await grow(provider, SETTING, made, { ...inputs, value: "full" }, { changed: ["value"] });
    await assertReplacedBy(provider, SETTING, grown, { settingId: "tls_1_3" });
    await provider.remove(SETTING, grown);
    assert.equal((await cloud.cf("GET", path("ssl"))).value, "full");
    await bear(provider, SETTING, {
      inputs: { zoneId, settingId: "browser_cache_ttl", value: 3600 },
      importId: inZone,
    });
    const header = { strict_transport_security: { enabled: true, max_age: 86_400, include_subdomains: true } };
    const hsts = await bear(provider, SETTING, {
      inputs: { zoneId, settingId: "security_header", value: header },
      importId: inZone,
    });
    const camel = { strictTransportSecurity: { enabled: true, maxAge: 86_400, includeSubdomains: true } };
    assert.equal((await provider.diff(SETTING, hsts, { ...hsts.inputs, value: camel })).changed, false);
  });

  it("Ruleset, whose rules keep their ids by ref", async () => {
    const rule = (ref: string, more: Properties = {}): Properties => ({
      ref,
      action: "set_cache_settings",
      expression: `(starts_with(http.request.uri.path, "/${ref}/"))`,
      actionParameters: {
        cache: true,
        edgeTtl: { mode: "override_origin", default: 7200, statusCodeTtls: [{ statusCode: 404, value: 60 }] },
        cacheKey: { customKey: { queryString: { include: { lists: ["v"] } }, cookie: { includes: ["lang"] } } },
      },
      ...more,
    });
    const inputs = {
      zoneId,
      name: "cache",
      kind: "zone",
      phase: "http_request_cache_settings",
      rules: [rule("a"), rule("b")],
    };
    const made = await bear(provider, RULESET, { inputs, importId: ({ id }) => `zones/${zoneId}/${id}` });
    const [sent] = (await cloud.cf("GET", `/zones/${zoneId}/rulesets/${made.id}`)).rules;
    assert.deepEqual(sent.action_parameters.cache_key.custom_key, {
      query_string: { include: { list: ["v"] } },
      cookie: { include: ["lang"] },
    });
    assert.deepEqual(sent.action_parameters.edge_ttl.status_code_ttl, [{ status_code: 404, value: 60 }]);
    const ids = (outputs: Properties): readonly Answer[] => (outputs.rules as readonly Answer[]).map(({ id }) => id);
    const next = { ...inputs, name: "cache2", rules: [rule("a", { enabled: false }), rule("b"), rule("c")] };
    const grown = await grow(provider, RULESET, made, next, { changed: ["name", "rules"] });
    assert.deepEqual(ids(grown.outputs).slice(0, 2), ids(made.outputs));
    assert.equal(grown.outputs.version, "2");
    await assertReplacedBy(provider, RULESET, grown, { phase: "http_request_origin" });
    const second = await provider.create(RULESET, { ...inputs, phase: "http_request_transform", rules: [] });
    await assert.rejects(provider.create(RULESET, { ...inputs, phase: "http_request_transform", rules: [] }), /20217/);
    await bury(provider, RULESET, second);
    await bury(provider, RULESET, grown);
    assert.deepEqual(await faults(RULESET, { name: "x", kind: "zone", phase: "p" }), ["zoneId"]);
    assert.deepEqual(await faults(RULESET, { ...inputs, rules: [{ action: "block" }] }), ["rules[0].expression"]);
  });

  it("Ruleset of rate limits, whose refusals name the rule", async () => {
    const withLimit = (characteristics: readonly string[], period: number): Properties => ({
      zoneId,
      name: "rates",
      kind: "zone",
      phase: "http_ratelimit",
      rules: [
        {
          action: "block",
          expression: '(http.request.uri.path eq "/login")',
          ratelimit: { characteristics, period, requestsPerPeriod: 5, mitigationTimeout: 60 },
        },
      ],
    });
    const inputs = withLimit(["cf.colo.id", "ip.src"], 10);
    const made = await bear(provider, RULESET, { inputs, importId: ({ id }) => `zones/${zoneId}/${id}` });
    assert.equal((await provider.diff(RULESET, made, withLimit(["ip.src", "cf.colo.id"], 10))).changed, false);
    await assert.rejects(
      provider.update(RULESET, made, withLimit(["cf.colo.id", "ip.src"], 600)),
      /period 600.* at \/rules\/0\/ratelimit\/period/,
    );
    await bury(provider, RULESET, made);
  });

  it("the switches of a zone", async () => {
    const cases = [
      ["TieredCache", "value", "on", "off"],
      ["ArgoTieredCaching", "value", "on", "off"],
      ["ArgoSmartRouting", "value", "on", "off"],
      ["AuthenticatedOriginPullsSettings", "enabled", true, false],
    ] as const;
    for (const [type, property, first, second] of cases) {
      const made = await bear(provider, token(type), { inputs: { zoneId, [property]: first } });
      assert.equal(made.id, zoneId);
      const grown = await grow(provider, token(type), made, { zoneId, [property]: second }, { changed: [property] });
      const again = await provider.update(token(type), grown, { zoneId, [property]: first });
      await provider.remove(token(type), again);
      const left = (await provider.read(token(type), again))?.outputs[property];
      assert.equal(left, type === "TieredCache" ? "off" : first, `${type}: only tiered cache is reset at the end`);
    }
  });

  it("BotManagement", async () => {
    const type = token("BotManagement");
    const made = await bear(provider, type, { inputs: { zoneId, enableJs: true, sbfmDefinitelyAutomated: "block" } });
    const grown = await grow(provider, type, made, { zoneId, enableJs: false }, { changed: ["enableJs"] });
    assert.equal(grown.outputs.sbfmDefinitelyAutomated, "block", "what is left out stays");
    await assert.rejects(provider.update(type, grown, { zoneId, fightMode: true }), /fight_mode is not available/);
  });

  it("OriginCaCertificate and AuthenticatedOriginPullsCertificate", async () => {
    const type = token("OriginCaCertificate");
    const inputs = {
      csr: await signingRequest(),
      hostnames: ["example.com", "*.example.com"],
      requestType: "origin-ecc",
    };
    const made = await bear(provider, type, { inputs });
    assert.match(String(made.outputs.certificate), /BEGIN CERTIFICATE/);
    assert.equal(
      (await provider.diff(type, made, { ...inputs, hostnames: ["*.example.com", "example.com"] })).changed,
      false,
    );
    await assertReplacedBy(provider, type, made, { requestedValidity: 90, hostnames: ["example.com"] });
    await bury(provider, type, made);

    const pulls = token("AuthenticatedOriginPullsCertificate");
    const certificate = await selfSigned("edge.example.com");
    const uploaded = await bear(provider, pulls, {
      inputs: { zoneId, ...certificate },
      hidden: ["privateKey"],
      importId: inZone,
    });
    assert.equal(uploaded.outputs.status, "active");
    await assertReplacedBy(provider, pulls, uploaded, { privateKey: "other" });
    await bury(provider, pulls, uploaded);
  });

  it("Healthcheck", async () => {
    const type = token("Healthcheck");
    const inputs = {
      zoneId,
      name: "origin",
      address: "example.com",
      type: "HTTPS",
      httpConfig: { path: "/health", expectedCodes: ["200"], header: { Host: ["example.com"] } },
    };
    const made = await bear(provider, type, { inputs, importId: inZone });
    const sent = await cloud.cf("GET", `/zones/${zoneId}/healthchecks/${made.id}`);
    assert.deepEqual(sent.http_config.header, { Host: ["example.com"] });
    const grown = await grow(
      provider,
      type,
      made,
      { ...inputs, interval: 120, suspended: true },
      {
        changed: ["interval", "suspended"],
      },
    );
    await bury(provider, type, grown);
  });

  it("getZone and getIpRanges", async () => {
    const getZone = (args: Properties): Promise<Answer> => provider.invoke("cloudflare:index/getZone:getZone", args);
    const byName = await getZone({ filter: { name: "example.com", status: "active" } });
    assert.deepEqual([byName.zoneId, byName.plan.legacyId], [zoneId, "pro"]);
    assert.equal((await getZone({ zoneId })).name, "example.com");
    await assert.rejects(getZone({ filter: { name: "absent.example" } }), /0 zones match name=absent\.example/);
    await assert.rejects(getZone({}), /exactly one of zoneId, filter/);
    const ranges: Answer = await provider.invoke("cloudflare:index/getIpRanges:getIpRanges", {});
    assert.deepEqual([ranges.ipv4Cidrs.length, ranges.ipv6Cidrs.length], [15, 7]);
  });

  it("ask for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
