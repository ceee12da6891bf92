import { bottleneck, ceilingsOf, limitNames, loadAt, type Use, usesOf } from "../capacity/load.ts";
import { addAmounts, Dec, subtractAmounts, zeroAmounts, zeroMoney } from "../money.ts";
import type { StackDiff, StackSide } from "../schema/cost-diff.ts";
import type { CostLine } from "../schema/cost-output.ts";
import type { PlannedStack, StackSnapshot } from "../snapshot/types.ts";
import { changedLines, type LineChange, oneTimeOf } from "./lines.ts";
import { correctRescales } from "./rescale.ts";
import { warningsOf } from "./warnings.ts";

const usesOfStack = ({ cost, limits, databaseVolumeGiB }: PlannedStack): readonly Use[] =>
  usesOf(loadAt(cost.traffic.expectedUsers), ceilingsOf(limits, databaseVolumeGiB));

/** A side's figures over these lines, which may be corrected ones. */
function sideOf(stack: PlannedStack, lines: readonly CostLine[]): StackSide {
  const { cost } = stack;
  const total = addAmounts(lines);
  const users = cost.traffic.expectedUsers;
  const each = (amount: string): string => new Dec(amount).dividedBy(users).toFixed(6);
  const limit = new Dec(cost.budget.usd);
  return {
    phase: cost.phase,
    location: cost.location,
    pricesAt: cost.prices.at,
    usdPerEur: cost.exchangeRate.usdPerEur,
    total,
    budget: {
      usd: cost.budget.usd,
      usedPercent: new Dec(total.monthlyNet.usd).dividedBy(limit).times(100).toFixed(1),
      over: new Dec(total.monthlyNet.usd).gt(limit),
    },
    perUser: { users, each: { eur: each(total.monthlyNet.eur), usd: each(total.monthlyNet.usd) } },
    traffic: {
      expectedTB: cost.traffic.expectedTB,
      includedTB: cost.traffic.includedTB,
      overageTB: cost.traffic.overageTB,
    },
    bottleneck: bottleneck(usesOfStack(stack)),
  };
}

function headroom(before: PlannedStack | null, after: PlannedStack | null): StackDiff["headroom"] {
  const of = (stack: PlannedStack | null) =>
    new Map((stack === null ? [] : usesOfStack(stack)).map((use) => [use.limit, use]));
  const olds = of(before);
  const news = of(after);
  const shown = (use: Use | undefined) =>
    use === undefined ? null : { load: use.load, limit: use.ceiling.at, usedPercent: use.usedPercent };
  return limitNames.map((limit) => ({ limit, before: shown(olds.get(limit)), after: shown(news.get(limit)) }));
}

const jsonLines = (changes: readonly LineChange[]): StackDiff["lines"] => changes.map((change) => ({ ...change }));

/** A stack that exists on one side only. */
function lonely(stack: PlannedStack, state: "added" | "removed"): StackDiff {
  const added = state === "added";
  const { lines } = stack.cost;
  const changes = added ? changedLines([], lines, false) : changedLines(lines, [], false);
  const side = sideOf(stack, lines);
  const empty: PlannedStack = { ...stack, machines: [], volumes: [], cost: { ...stack.cost, lines: [] } };
  return {
    stack: stack.stack,
    state,
    faults: [],
    before: added ? null : side,
    after: added ? side : null,
    delta: added ? side.total : subtractAmounts(zeroAmounts, side.total),
    oneTime: oneTimeOf(changes),
    lines: jsonLines(changes),
    headroom: added ? headroom(null, stack) : headroom(stack, null),
    warnings: [
      ...warningsOf({
        base: added ? empty : stack,
        head: added ? stack : empty,
        changes,
        corrections: [],
        over: { before: false, after: added && side.budget.over },
      }),
    ],
  };
}

function compared(base: PlannedStack, head: PlannedStack, replaced: ReadonlySet<string>): StackDiff {
  const { lines, corrections } = correctRescales(base, head);
  const changes = changedLines(base.cost.lines, lines, base.cost.phase !== head.cost.phase, replaced);
  const before = sideOf(base, base.cost.lines);
  const after = sideOf(head, lines);
  const over = { before: before.budget.over, after: after.budget.over };
  const warnings = [...warningsOf({ base, head, changes, corrections, over })];
  return {
    stack: head.stack,
    state: changes.length === 0 && warnings.length === 0 ? "unchanged" : "changed",
    faults: [],
    before,
    after,
    delta: subtractAmounts(after.total, before.total),
    oneTime: oneTimeOf(changes),
    lines: jsonLines(changes),
    headroom: headroom(base, head),
    warnings,
  };
}

/** A side that cannot be planned takes no part in any sum. */
function faulty(base: StackSnapshot | null, head: StackSnapshot | null): StackDiff {
  const planned = (side: StackSnapshot | null) => (side?.kind === "planned" ? side : null);
  const old = planned(base);
  const now = planned(head);
  const fault = (side: "base" | "head", snapshot: StackSnapshot | null): StackDiff["faults"] =>
    snapshot?.kind === "faulty" ? [{ side, message: snapshot.message }] : [];
  return {
    stack: head?.stack ?? base?.stack ?? "",
    state: "faulty",
    faults: [...fault("base", base), ...fault("head", head)],
    before: old === null ? null : sideOf(old, old.cost.lines),
    after: now === null ? null : sideOf(now, now.cost.lines),
    delta: zeroAmounts,
    oneTime: zeroMoney,
    lines: [],
    headroom: headroom(old, now),
    warnings: [],
  };
}

/**
 * Compares one stack's two sides; null: it is not there.
 *
 * @param replaced ids of lines that are known to be made anew although nothing of their price shows it.
 */
export function diffStack(
  base: StackSnapshot | null,
  head: StackSnapshot | null,
  replaced: ReadonlySet<string> = new Set(),
): StackDiff {
  if (base?.kind === "faulty" || head?.kind === "faulty") return faulty(base, head);
  if (base === null && head !== null) return lonely(head, "added");
  if (head === null && base !== null) return lonely(base, "removed");
  if (base === null || head === null) throw new Error("diffStack: a stack that is on neither side");
  return compared(base, head, replaced);
}
