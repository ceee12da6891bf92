import type { Fault } from "../config/faults.ts";
import type { CloudflarePlan } from "../config/schema.ts";
import type { EdgePlan, EdgeRule } from "./types.ts";

/**
 * What a Cloudflare plan allows (cloudflare-docs `src/content/plans/index.json` and the WAF page "rate limiting:
 * availability by plan", read before 2026-11-23).
 */
export type EdgeLimits = {
  readonly cacheRules: number;
  readonly wafRules: number;
  readonly rateLimitRules: number;
  readonly ratePeriodSeconds: number;
  readonly rateMitigationSeconds: number;
  /** Request fields a rate-limiting expression may read. */
  readonly rateFields: readonly string[];
  readonly minimumEdgeTtlSeconds: number;
  readonly regex: boolean;
  readonly dnsRecords: number;
};

const freeFields = ["http.request.uri.path", "cf.bot_management.verified_bot"];
const proFields = [...freeFields, "http.host", "http.request.uri", "http.request.uri.query"];
const businessFields = [...proFields, "http.request.method", "ip.src", "http.user_agent"];

export const edgeLimits = {
  free: {
    cacheRules: 10,
    wafRules: 5,
    rateLimitRules: 1,
    ratePeriodSeconds: 10,
    rateMitigationSeconds: 10,
    rateFields: freeFields,
    minimumEdgeTtlSeconds: 7_200,
    regex: false,
    dnsRecords: 200,
  },
  pro: {
    cacheRules: 25,
    wafRules: 20,
    rateLimitRules: 2,
    ratePeriodSeconds: 60,
    rateMitigationSeconds: 3_600,
    rateFields: proFields,
    minimumEdgeTtlSeconds: 3_600,
    regex: false,
    dnsRecords: 3_500,
  },
  business: {
    cacheRules: 50,
    wafRules: 100,
    rateLimitRules: 5,
    ratePeriodSeconds: 600,
    rateMitigationSeconds: 86_400,
    rateFields: businessFields,
    minimumEdgeTtlSeconds: 1,
    regex: true,
    dnsRecords: 3_500,
  },
} as const satisfies Record<CloudflarePlan, EdgeLimits>;

/** Characters of one rule's expression (developers.cloudflare.com/ruleset-engine/rules-language/expressions). */
export const expressionLimit = 4_096;

/** Where an edge plan asks for more than its Cloudflare plan gives. */
export function edgeFaults(edge: EdgePlan): readonly Fault[] {
  const limits: EdgeLimits = edgeLimits[edge.plan];
  const rules = [...edge.cacheRules, ...edge.rateLimits, ...edge.wafRules];
  const allows = (what: string) => `Cloudflare's ${edge.plan} plan ${what}`;
  const most = (field: string, given: number, what: string, limit: number) =>
    given <= limit ? [] : [fault(field, `${given} ${what}`, allows(`allows ${limit}`))];
  return [
    ...most("edge.hosts", edge.records.length, "DNS records", limits.dnsRecords),
    ...most("edge.plan", edge.cacheRules.length, "cache rules", limits.cacheRules),
    ...most("edge.plan", edge.wafRules.length, "WAF rules", limits.wafRules),
    ...most("edge.plan", edge.rateLimits.length, "rate limits", limits.rateLimitRules),
    ...rules.flatMap(expressionFaults),
    ...rules
      .filter((rule) => !limits.regex && / matches /.test(rule.expression))
      .map((rule) => fault("edge.plan", `a regular expression in rule ${rule.ref}`, allows("has none"))),
    ...edge.rateLimits.flatMap((rule) => [
      ...most("edge.plan", rule.periodSeconds, `s as period of ${rule.ref}`, limits.ratePeriodSeconds),
      ...most(
        "edge.plan",
        rule.mitigationTimeoutSeconds,
        `s as mitigation of ${rule.ref}`,
        limits.rateMitigationSeconds,
      ),
      ...fieldsOf(rule.expression)
        .filter((field) => !limits.rateFields.includes(field))
        .map((field) => fault("edge.plan", `${field} in rate limit ${rule.ref}`, allows("cannot limit by it"))),
    ]),
    ...edge.cacheRules
      .filter((rule) => rule.edgeTtlSeconds !== null && rule.edgeTtlSeconds < limits.minimumEdgeTtlSeconds)
      .map((rule) => {
        const value = `${rule.edgeTtlSeconds} s as edge TTL of ${rule.ref}`;
        return fault("edge.plan", value, allows(`caches for ${limits.minimumEdgeTtlSeconds} s or longer`));
      }),
  ];
}

function expressionFaults(rule: EdgeRule): readonly Fault[] {
  if (rule.expression.length <= expressionLimit) return [];
  const field = rule.ref === "static" ? "edge.staticPaths" : "edge.hosts";
  const value = `an expression of ${rule.expression.length} characters`;
  const rest = { rule: `Cloudflare takes ${expressionLimit}`, fix: `shorten platform.${field}` };
  return [{ field, value, ...rest }];
}

function fault(field: string, value: string, rule: string): Fault {
  const shorten = field === "edge.plan" ? "" : `shorten platform.${field} or `;
  return { field, value, rule, fix: `${shorten}set platform.edge.plan to a larger plan` };
}

/** Request fields an expression reads, outside of its string literals. */
function fieldsOf(expression: string): readonly string[] {
  return expression.replaceAll(/"[^"]*"/g, "").match(/\b(http|ip|cf)\.[a-z_.]+/g) ?? [];
}
