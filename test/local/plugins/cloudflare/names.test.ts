import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { fromApi, type Names, prune, toApi } from "../../../../local/plugins/cloudflare/names.ts";
import { fields, flag, list, STRING, text } from "../../../../local/plugins/core/spec.ts";
import type { Value } from "../../../../local/plugins/core/values.ts";

const NAMES: Names = {
  emails: { to: "email" },
  headers: { dictionary: {} },
  rules: { inner: { statusCodeTtls: { to: "status_code_ttl" } } },
};

describe("names between the package and the API", () => {
  it("turn camel case into snake case and back", () => {
    const given = { ruleSet: [{ actionParameters: { edgeTtl: { mode: "x" } } }], zoneId: 1 };
    const sent = { rule_set: [{ action_parameters: { edge_ttl: { mode: "x" } } }], zone_id: 1 };
    assert.deepEqual(toApi(given), sent);
    assert.deepEqual(fromApi(sent), given);
  });

  it("follow the exceptions, and leave the user's own keys alone", () => {
    const given = {
      emails: [{ id: "a" }],
      headers: { "X-My-Header": { fromValue: "v" }, camelCase: { fromValue: "w" } },
      rules: [{ statusCodeTtls: [{ statusCode: 404 }] }],
    };
    const sent = {
      email: [{ id: "a" }],
      headers: { "X-My-Header": { from_value: "v" }, camelCase: { from_value: "w" } },
      rules: [{ status_code_ttl: [{ status_code: 404 }] }],
    };
    assert.deepEqual(toApi(given, NAMES), sent);
    assert.deepEqual(fromApi(sent, NAMES), given);
  });

  it("come back as they were, whatever the nesting", () => {
    const key = fc.constantFrom("zoneId", "emails", "headers", "rules", "statusCodeTtls", "a", "ipv4Only");
    const value = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.string(),
        fc.boolean(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4, noNullPrototype: true }),
      ),
    })).value;
    fc.assert(fc.property(value, (given) => assert.deepEqual(fromApi(toApi(given, NAMES), NAMES), given)));
  });

  it("drop what the package does not know, and nulls", () => {
    const shape = fields({
      name: text("required"),
      items: list("optional", fields({ on: flag("optional") })),
      tags: list("optional", STRING),
    });
    const answer = { name: "n", items: [{ on: true, extra: 1 }, { on: null }], tags: null, id: "x" };
    assert.deepEqual(prune(shape, answer), { name: "n", items: [{ on: true }, {}] });
  });
});
