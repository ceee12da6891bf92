/** Rules of a ruleset: what a request may hold, and how their ids, refs and versions live through an update. */

import { z } from "zod";
import { newId } from "../cloud.ts";
import { CloudflareError, type ErrorItem } from "../http/errors.ts";
import type { Json, JsonObject } from "../records.ts";

/** Actions by phase (CFD ruleset-engine/reference/phases-list); a phase that is not here is refused. */
export const PHASES: Readonly<Record<string, readonly string[]>> = {
  http_request_cache_settings: ["set_cache_settings"],
  http_request_firewall_custom: ["block", "challenge", "js_challenge", "managed_challenge", "log", "skip"],
  http_ratelimit: ["block", "challenge", "js_challenge", "managed_challenge", "log"],
  http_request_firewall_managed: ["execute", "skip"],
  http_request_transform: ["rewrite"],
  http_request_late_transform: ["rewrite"],
  http_response_headers_transform: ["rewrite"],
  http_response_compression: ["compress_response"],
  http_config_settings: ["set_config"],
  http_request_origin: ["route"],
  http_request_dynamic_redirect: ["redirect"],
  http_request_redirect: ["redirect"],
  http_custom_errors: ["serve_error"],
  http_log_custom_fields: ["log_custom_field"],
  ddos_l7: ["execute"],
};

const parameters = z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>;

export const ruleSchema = z.strictObject({
  id: z.string().optional(),
  ref: z.string().min(1).max(256).optional(),
  version: z.string().optional(),
  action: z.string(),
  action_parameters: parameters.optional(),
  expression: z.string().min(1).max(4096),
  description: z.string().max(500).optional(),
  enabled: z.boolean().optional(),
  logging: z.strictObject({ enabled: z.boolean() }).optional(),
  exposed_credential_check: parameters.optional(),
  ratelimit: z
    .strictObject({
      characteristics: z.array(z.string()).min(1),
      period: z.int().positive(),
      requests_per_period: z.int().positive().optional(),
      mitigation_timeout: z.int().min(0).optional(),
      counting_expression: z.string().optional(),
      requests_to_origin: z.boolean().optional(),
      score_per_period: z.int().optional(),
      score_response_header_name: z.string().optional(),
    })
    .optional(),
});

export type RuleInput = z.output<typeof ruleSchema>;

const balanced = (expression: string): boolean => {
  const bare = expression.replace(/r?"(\\.|[^"\\])*"/g, "");
  let depth = 0;
  for (const character of bare) {
    depth += character === "(" ? 1 : character === ")" ? -1 : 0;
    if (depth < 0) {
      return false;
    }
  }
  return depth === 0 && !bare.includes('"');
};

const item = (code: number, message: string, pointer: string): ErrorItem => ({ code, message, source: { pointer } });

/** Faults of the rules by themselves. The numbers are the emulator's own. */
export const ruleFaults = (phase: string, rules: readonly RuleInput[]): readonly ErrorItem[] => {
  const actions = PHASES[phase];
  if (actions === undefined) {
    return [item(20_218, `'${phase}' is not a valid value for phase`, "/phase")];
  }
  const refs = rules.flatMap(({ ref }) => (ref === undefined ? [] : [ref]));
  const twice = refs.filter((ref, at) => refs.indexOf(ref) !== at);
  return [
    ...twice.map((ref) => item(20_219, `duplicate rule ref '${ref}'`, "/rules")),
    ...rules.flatMap((rule, at) => [
      ...(actions.includes(rule.action)
        ? []
        : [item(20_016, `'${rule.action}' is not a valid value for action in phase ${phase}`, `/rules/${at}/action`)]),
      ...(balanced(rule.expression)
        ? []
        : [item(20_127, "filter parsing error: unbalanced parentheses or quotes", `/rules/${at}/expression`)]),
      ...((rule.ratelimit === undefined) === (phase === "http_ratelimit")
        ? [item(20_220, "ratelimit is needed in phase http_ratelimit and only there", `/rules/${at}/ratelimit`)]
        : []),
      ...(rule.ratelimit !== undefined && !rule.ratelimit.characteristics.includes("cf.colo.id")
        ? [item(20_221, "characteristics must include cf.colo.id", `/rules/${at}/ratelimit/characteristics`)]
        : []),
    ]),
  ];
};

const content = (rule: RuleInput): JsonObject =>
  JSON.parse(
    JSON.stringify({
      action: rule.action,
      action_parameters: rule.action_parameters,
      expression: rule.expression,
      description: rule.description ?? "",
      enabled: rule.enabled ?? true,
      logging: rule.logging,
      exposed_credential_check: rule.exposed_credential_check,
      ratelimit:
        rule.ratelimit === undefined
          ? undefined
          : { requests_to_origin: false, mitigation_timeout: 0, ...rule.ratelimit },
    }),
  ) as JsonObject;

const stable = (value: Json): string =>
  JSON.stringify(value, (_, part: unknown) =>
    typeof part === "object" && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : part,
  );

const ownContent = ({ id: _id, ref: _ref, version: _version, last_updated: _updated, ...rest }: JsonObject): Json =>
  rest;

/** The stored rule that a rule of the request continues: by id, else by ref. A rule without either is a new one. */
const predecessor = (rule: RuleInput, before: readonly JsonObject[]): JsonObject | undefined =>
  before.find(
    ({ id, ref }) => (rule.id !== undefined && id === rule.id) || (rule.ref !== undefined && ref === rule.ref),
  );

/** Rules after a `PUT`: a rule that continues an older one keeps its id, and its version while nothing in it changed. */
export const updatedRules = (
  rules: readonly RuleInput[],
  before: readonly JsonObject[],
  stamp: string,
): readonly JsonObject[] => {
  const foreign = rules.filter(({ id }) => id !== undefined && !before.some((rule) => rule.id === id));
  if (foreign.length > 0) {
    throw new CloudflareError(
      400,
      ...foreign.map(({ id }) => item(20_222, `rule with id '${id}' does not exist in this ruleset`, "/rules")),
    );
  }
  return rules.map((rule) => {
    const older = predecessor(rule, before);
    const next = content(rule);
    const id = older?.id ?? newId();
    const same = older !== undefined && stable(ownContent(older)) === stable(next);
    return {
      id,
      version: String(same ? older.version : Number(older?.version ?? 0) + 1),
      ...next,
      ref: rule.ref ?? older?.ref ?? id,
      last_updated: same ? (older.last_updated ?? stamp) : stamp,
    };
  });
};
