/**
 * What each plan allows in rulesets (CFD `src/content/plans/index.json` and the WAF page "rate limiting: availability by
 * plan"). Only 20217 is a code taken from reports; the numbers of the other refusals are the emulator's own.
 */

import type { ErrorItem } from "../http/errors.ts";
import type { PlanName } from "../records.ts";

type Limits = {
  /** Rules of the phases for cache, origin, config, transform and redirect rules, each. */
  readonly rules: number;
  readonly firewall: number;
  readonly rateLimits: number;
  /** Seconds. */
  readonly periods: readonly number[];
  readonly mitigation: number;
  readonly rateFields: readonly string[];
  /** Shortest edge TTL in seconds; 0 (do not cache) is always possible. */
  readonly edgeTtl: number;
  readonly regex: boolean;
};

const FREE_FIELDS = ["http.request.uri.path", "cf.bot_management.verified_bot", "raw.http.request.uri.path"];
const PRO_FIELDS = [
  ...FREE_FIELDS,
  "http.host",
  "http.request.uri",
  "http.request.full_uri",
  "http.request.uri.query",
  "raw.http.request.uri",
  "raw.http.request.uri.query",
  "raw.http.request.full_uri",
];

export const LIMITS: Readonly<Record<PlanName, Limits>> = {
  free: {
    rules: 10,
    firewall: 5,
    rateLimits: 1,
    periods: [10],
    mitigation: 10,
    rateFields: FREE_FIELDS,
    edgeTtl: 7200,
    regex: false,
  },
  pro: {
    rules: 25,
    firewall: 20,
    rateLimits: 2,
    periods: [10, 15, 20, 30, 40, 45, 60],
    mitigation: 3600,
    rateFields: PRO_FIELDS,
    edgeTtl: 3600,
    regex: false,
  },
  business: {
    rules: 50,
    firewall: 100,
    rateLimits: 5,
    periods: [10, 15, 20, 30, 40, 45, 60, 90, 120, 180, 240, 300, 480, 600],
    mitigation: 86_400,
    rateFields: [...PRO_FIELDS, "http.request.method", "ip.src", "http.user_agent"],
    edgeTtl: 1,
    regex: true,
  },
};

const COUNTED: Readonly<Record<string, "rules" | "firewall" | "rateLimits">> = {
  http_request_firewall_custom: "firewall",
  http_ratelimit: "rateLimits",
  http_request_cache_settings: "rules",
  http_request_origin: "rules",
  http_config_settings: "rules",
  http_request_transform: "rules",
  http_request_late_transform: "rules",
  http_response_headers_transform: "rules",
  http_request_dynamic_redirect: "rules",
};

export type LimitedRule = {
  readonly expression: string;
  readonly ratelimit?: { readonly period: number; readonly mitigation_timeout?: number | undefined } | undefined;
  readonly action_parameters?: { readonly [key: string]: unknown } | undefined;
};

/** Expression without its string literals, so that a path is not taken for a field. */
const withoutLiterals = (expression: string): string => expression.replace(/r?"(\\.|[^"\\])*"/g, '""');

/** Fields an expression reads, for example `http.request.uri.path`. */
export const fieldsOf = (expression: string): readonly string[] => [
  ...new Set(withoutLiterals(expression).match(/\b(raw\.)?(http|ip|cf|ssl)(\.[a-z0-9_]+)*/g) ?? []),
];

const usesRegex = (expression: string): boolean => / (matches|~) /.test(withoutLiterals(expression));

const edgeTtlOf = (rule: LimitedRule): number | undefined => {
  const ttl = rule.action_parameters?.edge_ttl as { mode?: string; default?: number } | undefined;
  return ttl?.mode === "override_origin" ? ttl.default : undefined;
};

const fault = (code: number, message: string, pointer: string): ErrorItem => ({ code, message, source: { pointer } });

const rateFaults = (rule: LimitedRule, limits: Limits, at: string): readonly ErrorItem[] => {
  const { ratelimit } = rule;
  if (ratelimit === undefined) {
    return [];
  }
  const timeout = ratelimit.mitigation_timeout ?? 0;
  const foreign = fieldsOf(rule.expression).filter((field) => !limits.rateFields.includes(field));
  return [
    ...(limits.periods.includes(ratelimit.period)
      ? []
      : [
          fault(
            20_120,
            `not entitled to use the period ${ratelimit.period}, can only use a period among [${limits.periods.join(" ")}]`,
            `${at}/ratelimit/period`,
          ),
        ]),
    ...(timeout > limits.mitigation
      ? [
          fault(
            20_120,
            `not entitled to use the mitigation timeout ${timeout}, at most ${limits.mitigation}`,
            `${at}/ratelimit/mitigation_timeout`,
          ),
        ]
      : []),
    ...foreign.map((field) =>
      fault(
        20_120,
        `not entitled: the use of field ${field} is not allowed in rate limiting rules`,
        `${at}/expression`,
      ),
    ),
  ];
};

const ruleFaults = (rule: LimitedRule, limits: Limits, at: string): readonly ErrorItem[] => {
  const ttl = edgeTtlOf(rule);
  return [
    ...(usesRegex(rule.expression) && !limits.regex
      ? [
          fault(
            20_127,
            "not entitled: the use of operator Matches is not allowed, a Business plan or a WAF Advanced plan is required",
            `${at}/expression`,
          ),
        ]
      : []),
    ...(ttl !== undefined && ttl > 0 && ttl < limits.edgeTtl
      ? [
          fault(
            20_120,
            `not entitled to use the edge TTL ${ttl}, at least ${limits.edgeTtl}`,
            `${at}/action_parameters/edge_ttl/default`,
          ),
        ]
      : []),
    ...rateFaults(rule, limits, at),
  ];
};

/** Every way in which the rules of a phase ask for more than the plan gives. */
export const limitFaults = (plan: PlanName, phase: string, rules: readonly LimitedRule[]): readonly ErrorItem[] => {
  const limits = LIMITS[plan];
  const counted = COUNTED[phase];
  const most = counted === undefined ? Number.POSITIVE_INFINITY : limits[counted];
  return [
    ...(rules.length > most
      ? [
          fault(
            20_100,
            `exceeded maximum number of rules in the phase ${phase}: ${rules.length} out of ${most}`,
            "/rules",
          ),
        ]
      : []),
    ...rules.flatMap((rule, at) => ruleFaults(rule, limits, `/rules/${at}`)),
  ];
};
