import { addAmounts, subtractAmounts, sumMoney } from "../money.ts";
import type { CostDiff } from "../schema/cost-diff.ts";
import type { CodeUsed, Evaluated } from "../sides/evaluate.ts";
import { type GateOptions, gateOf } from "./gate.ts";
import { diffStack } from "./stack.ts";

export type DiffSide = Evaluated & {
  readonly label: string;
  /** By stack, ids of lines that the engine makes anew; only it can know. */
  readonly replaced?: ReadonlyMap<string, ReadonlySet<string>>;
};

const changedCode = (code: CodeUsed): readonly string[] => (code.kind === "running" ? [] : code.changed);

const describe = ({ label, snapshot, code }: DiffSide): CostDiff["base"] => ({
  label,
  code: code.kind,
  changedCode: [...changedCode(code)],
  bookDate: snapshot.bookDate,
});

/**
 * What a change costs.
 *
 * @param stacks names to compare; empty for all that either side has.
 */
export function diffSides(base: DiffSide, head: DiffSide, stacks: readonly string[], gate: GateOptions): CostDiff {
  const olds = new Map(base.snapshot.stacks.map((stack) => [stack.stack, stack]));
  const news = new Map(head.snapshot.stacks.map((stack) => [stack.stack, stack]));
  const names = [...new Set([...olds.keys(), ...news.keys()])]
    .filter((name) => stacks.length === 0 || stacks.includes(name))
    .toSorted((a, b) => (a < b ? -1 : 1));
  const diffs = names.map((name) =>
    diffStack(olds.get(name) ?? null, news.get(name) ?? null, head.replaced?.get(name)),
  );
  const counted = diffs.filter((diff) => diff.state !== "faulty");
  const before = addAmounts(counted.flatMap((diff) => (diff.before === null ? [] : [diff.before.total])));
  const after = addAmounts(counted.flatMap((diff) => (diff.after === null ? [] : [diff.after.total])));
  const policies = new Map(
    head.snapshot.stacks.flatMap((stack) => (stack.kind === "planned" ? [[stack.stack, stack.policy] as const] : [])),
  );
  return {
    version: 1,
    base: describe(base),
    head: describe(head),
    total: {
      before,
      after,
      delta: subtractAmounts(after, before),
      oneTime: sumMoney(diffs.map((diff) => diff.oneTime)),
    },
    stacks: diffs,
    gate: gateOf(diffs, policies, gate),
  };
}
