import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fieldsOf, LIMITS, limitFaults } from "../../../local/cloudflare/zone/planLimits.ts";
import { type RuleInput, updatedRules } from "../../../local/cloudflare/zone/rules.ts";
import { battery } from "./harness.ts";

const cacheRule = (ref: string, more: object = {}): object => ({
  ref,
  action: "set_cache_settings",
  expression: `(http.request.uri.path eq "/${ref}")`,
  action_parameters: { cache: true },
  ...more,
});

const cacheSet = (rules: readonly object[]): object => ({
  name: "cache",
  kind: "zone",
  phase: "http_request_cache_settings",
  rules,
});

const rateRule = (more: object = {}): object => ({
  action: "block",
  expression: '(http.request.uri.path eq "/login")',
  ratelimit: { characteristics: ["ip.src", "cf.colo.id"], period: 10, requests_per_period: 5, mitigation_timeout: 10 },
  ...more,
});

const rateSet = (rules: readonly object[]): object => ({ name: "rates", kind: "zone", phase: "http_ratelimit", rules });

battery("rulesets", "pro", (api, { zone }) => {
  const rulesets = `/zones/${zone}/rulesets`;

  it("keep ids, refs and versions of rules through updates and reordering", async () => {
    const made = await api.result("POST", rulesets, cacheSet([cacheRule("one"), cacheRule("two")]));
    assert.equal(made.version, "1");
    const [one, two] = made.rules;
    assert.deepEqual([one.ref, one.version, one.enabled, one.description], ["one", "1", true, ""]);
    const change = [cacheRule("new"), cacheRule("two", { enabled: false }), cacheRule("one")];
    const updated = await api.result("PUT", `${rulesets}/${made.id}`, cacheSet(change));
    assert.equal(updated.version, "2");
    const [fresh, second, third] = updated.rules;
    assert.deepEqual([third.id, third.version, third.last_updated], [one.id, "1", one.last_updated]);
    assert.deepEqual([second.id, second.version, second.enabled], [two.id, "2", false]);
    assert.ok(![one.id, two.id].includes(fresh.id));
    const byId = [{ ...cacheRule("x"), ref: undefined, id: one.id }];
    const again = await api.result("PUT", `${rulesets}/${made.id}`, cacheSet(byId));
    assert.deepEqual([again.rules.length, again.rules[0].id, again.rules[0].ref], [1, one.id, "one"]);
    assert.deepEqual(await api.result("GET", `${rulesets}/${made.id}`), again);
    const [listed] = await api.result("GET", rulesets);
    assert.deepEqual([listed.id, listed.rules], [made.id, undefined]);
    await api.result("DELETE", `${rulesets}/${made.id}`);
    await api.refuse(404, 10_014, "GET", `${rulesets}/${made.id}`);
  });

  it("allow one entry point per phase and refuse the kinds of an account", async () => {
    const { id } = await api.result("POST", rulesets, cacheSet([]));
    const [message = ""] = await api.refuse(400, 20_217, "POST", rulesets, cacheSet([]));
    assert.match(message, /exceeded maximum number of zone rulesets for phase http_request_cache_settings/);
    await api.refuse(400, 20_217, "POST", rulesets, { ...cacheSet([]), kind: "root" });
    await api.result("DELETE", `${rulesets}/${id}`);
    const { id: next } = await api.result("POST", rulesets, cacheSet([]));
    await api.result("DELETE", `${rulesets}/${next}`);
  });

  it("answer at the entry point of a phase", async () => {
    const entry = `${rulesets}/phases/http_request_firewall_custom/entrypoint`;
    await api.refuse(404, 10_003, "GET", entry);
    const rule = { action: "block", expression: '(http.host eq "bad.example.com")' };
    const made = await api.result("PUT", entry, { rules: [rule] });
    assert.deepEqual([made.kind, made.phase, made.rules.length], ["zone", "http_request_firewall_custom", 1]);
    const again = await api.result("PUT", entry, { rules: [{ ...rule, id: made.rules[0].id }] });
    assert.deepEqual([again.id, again.version, again.rules[0].version], [made.id, "2", "1"]);
    await api.refuse(400, 10_001, "PUT", entry, { kind: "zone", rules: [] });
    await api.result("DELETE", `${rulesets}/${made.id}`);
  });

  it("refuse foreign ids, doubled refs, wrong actions, broken expressions and a change of phase", async () => {
    const { id } = await api.result("POST", rulesets, cacheSet([]));
    const path = `${rulesets}/${id}`;
    const foreign = { ...cacheRule("x"), id: "f".repeat(32) };
    await api.refuse(400, 20_222, "PUT", path, cacheSet([foreign]));
    await api.refuse(400, 20_219, "PUT", path, cacheSet([cacheRule("x"), cacheRule("x")]));
    await api.refuse(400, 20_016, "PUT", path, cacheSet([cacheRule("x", { action: "block" })]));
    await api.refuse(400, 20_127, "PUT", path, cacheSet([cacheRule("x", { expression: "(http.host eq " })]));
    await api.refuse(400, 20_223, "PUT", path, { ...cacheSet([]), phase: "http_ratelimit" });
    await api.refuse(400, [20_016, 20_127], "PUT", path, cacheSet([cacheRule("x", { action: "b", expression: ")" })]));
    await api.result("DELETE", path);
  });

  it("enforce what the plan allows", async () => {
    const many = (count: number): readonly object[] => Array.from({ length: count }, (_, at) => cacheRule(`r${at}`));
    await api.refuse(400, 20_100, "POST", rulesets, cacheSet(many(26)));
    const { id } = await api.result("POST", rulesets, cacheSet(many(25)));
    await api.result("DELETE", `${rulesets}/${id}`);
    const edge = (seconds: number): object =>
      cacheSet([
        cacheRule("ttl", {
          action_parameters: { cache: true, edge_ttl: { mode: "override_origin", default: seconds } },
        }),
      ]);
    const [ttlMessage = ""] = await api.refuse(400, 20_120, "POST", rulesets, edge(60));
    assert.match(ttlMessage, /edge TTL 60.*3600/);
    const { id: allowed } = await api.result("POST", rulesets, edge(3600));
    await api.result("DELETE", `${rulesets}/${allowed}`);
    await api.refuse(400, 20_127, "POST", rulesets, {
      ...cacheSet([cacheRule("re", { expression: '(http.request.uri.path matches "^/a")' })]),
    });
  });

  it("enforce the periods, fields and number of rate limits of the plan", async () => {
    await api.refuse(400, 20_100, "POST", rulesets, rateSet([rateRule(), rateRule(), rateRule()]));
    const long = rateRule({
      ratelimit: { characteristics: ["ip.src", "cf.colo.id"], period: 600, requests_per_period: 1 },
    });
    await api.refuse(400, 20_120, "POST", rulesets, rateSet([long]));
    const byMethod = rateRule({ expression: '(http.request.method eq "POST")' });
    await api.refuse(400, 20_120, "POST", rulesets, rateSet([byMethod]));
    const noColo = rateRule({ ratelimit: { characteristics: ["ip.src"], period: 10, requests_per_period: 1 } });
    await api.refuse(400, 20_221, "POST", rulesets, rateSet([noColo]));
    await api.refuse(400, 20_220, "POST", rulesets, rateSet([rateRule({ ratelimit: undefined })]));
    const made = await api.result("POST", rulesets, rateSet([rateRule()]));
    assert.equal(made.rules[0].ratelimit.requests_to_origin, false);
    await api.result("DELETE", `${rulesets}/${made.id}`);
  });
});

describe("rules through an update", () => {
  const input = fc.record({
    ref: fc.constantFrom("a", "b", "c", "d", "e"),
    expression: fc.constantFrom("true", '(http.host eq "x")'),
    enabled: fc.boolean(),
  });
  const inputs = fc
    .uniqueArray(input, { selector: ({ ref }) => ref })
    .map((rules) => rules.map((rule): RuleInput => ({ ...rule, action: "block" })));

  it("keep id by ref, and version exactly while nothing changes", () => {
    fc.assert(
      fc.property(inputs, inputs, (first, second) => {
        const before = updatedRules(first, [], "t1");
        const after = updatedRules(second, before, "t2");
        assert.equal(new Set(after.map(({ id }) => id)).size, after.length);
        for (const [at, rule] of after.entries()) {
          const older = before.find(({ ref }) => ref === rule.ref);
          const same = first.find(({ ref }) => ref === rule.ref);
          const unchanged =
            same !== undefined && same.expression === second[at]?.expression && same.enabled === second[at]?.enabled;
          if (older !== undefined) {
            assert.equal(rule.id, older.id);
          }
          assert.equal(rule.version, older === undefined || unchanged ? "1" : "2");
          assert.equal(rule.last_updated, unchanged ? "t1" : "t2");
        }
      }),
    );
  });

  it("do not change when the same rules come again", () => {
    fc.assert(
      fc.property(inputs, (rules) => {
        const before = updatedRules(rules, [], "t1");
        assert.deepEqual(updatedRules(rules, before, "t2"), before);
      }),
    );
  });
});

describe("plan limits", () => {
  it("read the fields of an expression, not its texts", () => {
    const expression =
      '(http.host eq "http.request.method" and not cf.bot_management.verified_bot) or ip.src in {192.0.2.0/24}';
    assert.deepEqual(fieldsOf(expression), ["http.host", "cf.bot_management.verified_bot", "ip.src"]);
  });

  it("never shrink with a larger plan", () => {
    const rule = fc.record({
      expression: fc.constantFrom(
        "true",
        '(http.host eq "a")',
        '(http.request.method eq "A")',
        '(http.host matches "a")',
      ),
      ratelimit: fc.option(
        fc.record({ period: fc.constantFrom(10, 60, 120, 600, 3600), mitigation_timeout: fc.nat(90_000) }),
        { nil: undefined },
      ),
    });
    const phases = ["http_ratelimit", "http_request_cache_settings", "http_request_firewall_custom"];
    fc.assert(
      fc.property(
        fc.array(rule as fc.Arbitrary<{ expression: string }>, { maxLength: 30 }),
        fc.constantFrom(...phases),
        (rules, phase) => {
          const counts = (["free", "pro", "business"] as const).map((plan) => limitFaults(plan, phase, rules).length);
          assert.ok((counts[0] ?? 0) >= (counts[1] ?? 0) && (counts[1] ?? 0) >= (counts[2] ?? 0), counts.join());
        },
      ),
    );
  });

  it("are those of the published table", () => {
    assert.deepEqual(
      Object.entries(LIMITS).map(([plan, { rules, firewall, rateLimits }]) => [plan, rules, firewall, rateLimits]),
      [
        ["free", 10, 5, 1],
        ["pro", 25, 20, 2],
        ["business", 50, 100, 5],
      ],
    );
  });
});
