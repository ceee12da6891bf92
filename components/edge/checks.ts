import type { EdgePlan } from "../../plan/types.ts";

const family = (range: string): "ipv4" | "ipv6" => (range.includes(":") ? "ipv6" : "ipv4");

/**
 * Says how the address ranges the origin lets in differ from those Cloudflare uses now; null when they agree. Only the
 * address families of the plan count: an origin without IPv6 needs no IPv6 ranges.
 */
export const staleOriginRanges = (planned: EdgePlan["originRanges"], live: readonly string[]): string | null => {
  const families = new Set(planned.ranges.map(family));
  const relevant = live.filter((range) => families.has(family(range)));
  const missing = relevant.filter((range) => !planned.ranges.includes(range));
  const gone = planned.ranges.filter((range) => !relevant.includes(range));
  if (missing.length === 0 && gone.length === 0) return null;
  return [
    `edge.originRanges: Cloudflare's address ranges have changed since ${planned.date}`,
    ...(missing.length > 0 ? [`the origin refuses ${missing.join(", ")}`] : []),
    ...(gone.length > 0 ? [`the origin still lets in ${gone.join(", ")}`] : []),
    "update the ranges in the plan",
  ].join("; ");
};

/** Says how the zone's plan differs from the one the rules were made for; null when they agree or Cloudflare does not say. */
export const otherZonePlan = (planned: EdgePlan["plan"], live: string | undefined): string | null => {
  if (live === undefined || live === "" || live === planned) return null;
  return `edge.plan: the rules are made for Cloudflare ${planned}, but the zone is on ${live}; change the zone's plan at Cloudflare or platform.edge.plan`;
};
