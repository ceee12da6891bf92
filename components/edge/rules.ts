import type * as cloudflare from "@pulumi/cloudflare";
import type { CacheRulePlan, EdgeRule, RateLimitRulePlan, WafRulePlan } from "../../plan/types.ts";

type Rule = cloudflare.types.input.RulesetRule;

/** `ref` keeps a rule's id across updates; without it every update gives all rules new ids (issue 5390 of the provider). */
const common = ({
  ref,
  description,
  expression,
}: EdgeRule): Pick<Rule, "ref" | "description" | "expression" | "enabled"> => ({
  ref,
  description,
  expression,
  enabled: true,
});

export const cacheRule = (rule: CacheRulePlan): Rule => ({
  ...common(rule),
  action: "set_cache_settings",
  actionParameters: rule.cache
    ? {
        cache: true,
        edgeTtl: ttl(rule.edgeTtlSeconds, "override_origin"),
        browserTtl: ttl(rule.browserTtlSeconds, "override_origin"),
      }
    : { cache: false },
});

const ttl = (seconds: number | null, override: string): { mode: string; default?: number } =>
  seconds === null ? { mode: "respect_origin" } : { mode: override, default: seconds };

export const rateLimitRule = (rule: RateLimitRulePlan): Rule => ({
  ...common(rule),
  action: "block",
  ratelimit: {
    characteristics: [...rule.characteristics],
    period: rule.periodSeconds,
    requestsPerPeriod: rule.requestsPerPeriod,
    mitigationTimeout: rule.mitigationTimeoutSeconds,
  },
});

export const wafRule = (rule: WafRulePlan): Rule => ({ ...common(rule), action: rule.action });
