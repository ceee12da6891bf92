import { cents } from "../format/rows.ts";
import { Dec } from "../money.ts";
import type { CostDiff, StackDiff } from "../schema/cost-diff.ts";
import type { Policy } from "../snapshot/types.ts";

export type GateOptions = {
  readonly failOverBudget: boolean;
  /** `50eur`, `50usd`, `10%`; null: only what the stacks' own config says. */
  readonly maxIncrease: string | null;
};

type Failure = CostDiff["gate"]["failures"][number];

export const increasePattern = /^(\d+(?:\.\d{1,2})?)(eur|usd|%)$/;

/** Whether a change is dearer than a limit; says how much it is. A new stack has no percentage. */
function exceeds(diff: StackDiff, limit: string): string | null {
  const [, amount, unit] = increasePattern.exec(limit) ?? [];
  if (amount === undefined) throw new Error(`max increase ${limit}: not an amount`);
  if (unit === "%") {
    const before = new Dec(diff.before?.total.monthlyNet.eur ?? 0);
    if (before.isZero()) return null;
    const percent = new Dec(diff.delta.monthlyNet.eur).dividedBy(before).times(100);
    return percent.gt(amount) ? `${percent.toFixed(1)} %` : null;
  }
  const delta = unit === "usd" ? diff.delta.monthlyNet.usd : diff.delta.monthlyNet.eur;
  return new Dec(delta).gt(amount) ? `${cents(delta)} ${unit === "usd" ? "USD" : "EUR"}` : null;
}

function stackFailures(diff: StackDiff, policy: Policy | null, options: GateOptions): readonly Failure[] {
  const { stack } = diff;
  const failures: Failure[] = [];
  if (diff.state === "faulty" && diff.faults.some((fault) => fault.side === "head")) {
    failures.push({ stack, rule: "faulty", message: `${stack} cannot be planned` });
  }
  const { after } = diff;
  if (after?.budget.over === true && (options.failOverBudget || policy?.failOverBudget === true)) {
    const total = cents(after.total.monthlyNet.usd);
    failures.push({
      stack,
      rule: "over-budget",
      message: `${stack} costs ${total} of ${after.budget.usd} USD a month`,
    });
  }
  const limits = new Set([options.maxIncrease, policy?.maxIncrease ?? null]);
  for (const limit of limits) {
    const increase = limit === null ? null : exceeds(diff, limit);
    if (increase !== null) {
      failures.push({
        stack,
        rule: "max-increase",
        message: `${stack} rises by ${increase} a month, allowed is ${limit}`,
      });
    }
  }
  return failures;
}

/** Decides whether the change may pass: by the command's options and by each stack's own policy on the newer side. */
export function gateOf(
  stacks: readonly StackDiff[],
  policies: ReadonlyMap<string, Policy>,
  options: GateOptions,
): CostDiff["gate"] {
  const failures = stacks.flatMap((diff) => stackFailures(diff, policies.get(diff.stack) ?? null, options));
  return { passed: failures.length === 0, failures };
}
