/** Rulesets: the rules of one phase of a zone or an account. */

import { anything, fields, flag, list, number, oneOf, STRING, set, text } from "../../core/spec.ts";
import { type CloudflareResource, objectResource, part } from "../resource.ts";

const RATELIMIT = fields({
  characteristics: set("required", STRING),
  period: number("required"),
  requestsPerPeriod: number("optional"),
  mitigationTimeout: number("optional", { keptWhenOmitted: true }),
  countingExpression: text("optional"),
  requestsToOrigin: flag("optional", { default: false }),
  scorePerPeriod: number("optional"),
  scoreResponseHeaderName: text("optional"),
});

const RULE = fields({
  action: text("required"),
  expression: text("required"),
  actionParameters: anything("optional"),
  description: text("optional"),
  enabled: flag("optional", { default: true }),
  ref: text("optionalComputed"),
  id: text("optionalComputed"),
  logging: anything("optionalComputed"),
  exposedCredentialCheck: anything("optional"),
  ratelimit: { presence: "optional", shape: RATELIMIT },
});

const LIST_NAMES = { includes: { to: "include" }, checkPresences: { to: "check_presence" } } as const;
const QUERY_SIDE = { inner: { lists: { to: "list" } } } as const;

export const ruleset: CloudflareResource = objectResource({
  token: "cloudflare:index/ruleset:Ruleset",
  path: (properties) =>
    properties.accountId === undefined
      ? `/zones/${part(properties, "zoneId")}/rulesets`
      : `/accounts/${part(properties, "accountId")}/rulesets`,
  owners: ["zoneId", "accountId"],
  names: {
    rules: {
      inner: {
        actionParameters: {
          inner: {
            headers: { dictionary: {} },
            rules: { dictionary: {} },
            vary: { inner: { headers: { dictionary: {} } } },
            edgeTtl: { inner: { statusCodeTtls: { to: "status_code_ttl" } } },
            cacheKey: {
              inner: {
                customKey: {
                  inner: {
                    cookie: { inner: LIST_NAMES },
                    header: { inner: { ...LIST_NAMES, contains: { dictionary: {} } } },
                    queryString: { inner: { include: QUERY_SIDE, exclude: QUERY_SIDE } },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
  properties: {
    zoneId: text("optional", { replace: true }),
    accountId: text("optional", { replace: true }),
    kind: oneOf("required", ["managed", "custom", "root", "zone"], { replace: true }),
    phase: text("required", { replace: true }),
    name: text("required"),
    description: text("optional", { default: "" }),
    rules: list("optional", RULE),
    lastUpdated: text("computed"),
    version: text("computed"),
  },
  contradictions: (inputs) =>
    (inputs.zoneId === undefined) === (inputs.accountId === undefined)
      ? [{ property: "zoneId", reason: "zoneId: give exactly one of zoneId, accountId" }]
      : [],
  importPrefix: { zones: "zoneId", accounts: "accountId" },
});
