import { type Amounts, Dec, type Money, subtractAmounts, sumMoney, zeroAmounts, zeroMoney } from "../money.ts";
import type { CostLine } from "../schema/cost-output.ts";

/**
 * - `added`, `removed`: on one side only.
 * - `replaced`: the same name in another place; the old one is destroyed.
 * - `resized`: another server type or another quantity of the same resource.
 * - `repriced`: the same thing at another price.
 * - `converted`: only the exchange rate or the VAT moved it.
 */
export const changeKinds = ["added", "removed", "replaced", "resized", "repriced", "converted"] as const;

export type ChangeKind = (typeof changeKinds)[number];

export type LineChange = {
  readonly kind: ChangeKind;
  readonly id: string;
  readonly component: string;
  readonly name: string;
  readonly before: CostLine | null;
  readonly after: CostLine | null;
  readonly delta: Amounts;
  /** Net cost of running the old one beside the new one while data and users move. */
  readonly oneTime: Money;
};

/**
 * How long the old and the new machine run side by side when one takes over from the other: a day to copy data, move
 * traffic and look at the result. An assumption.
 */
export const overlapHours = 24;

const sameMoney = (a: Money, b: Money): boolean => a.eur === b.eur && a.usd === b.usd;

const sameAmounts = (a: CostLine, b: CostLine): boolean =>
  sameMoney(a.monthlyNet, b.monthlyNet) && sameMoney(a.monthlyGross, b.monthlyGross);

/** What happened to a line that both sides have; null when nothing did. */
function kindOfPair(before: CostLine, after: CostLine): ChangeKind | null {
  if (before.price.location !== after.price.location && before.resourceType !== null) return "replaced";
  if (before.price.item !== after.price.item || before.quantity !== after.quantity) return "resized";
  if (before.price.net !== after.price.net || before.price.hourlyNet !== after.price.hourlyNet) return "repriced";
  return sameAmounts(before, after) ? null : "converted";
}

type Pair = { readonly id: string; readonly before: CostLine | null; readonly after: CostLine | null };

function kindOf({ before, after }: Pair): ChangeKind | null {
  if (before === null) return "added";
  return after === null ? "removed" : kindOfPair(before, after);
}

/** A percentage changes the way the thing it is a percentage of does. */
function kindOfPercentage(pair: Pair, pairs: readonly Pair[]): ChangeKind | null {
  const own = kindOf(pair);
  const machine = (pair.after ?? pair.before)?.machine;
  if (own !== "converted" || machine === null || machine === undefined) return own;
  const server = pairs.find((other) => other.id === `server:${machine}`);
  return (server === undefined ? null : kindOf(server)) ?? own;
}

const isPercentage = ({ before, after }: Pair): boolean => (after ?? before)?.unit === "percent";

/** What runs twice for a while: whatever is replaced, and the whole old platform when the phase changes under it. */
function oneTime(kind: ChangeKind, before: CostLine | null, migration: boolean): Money {
  const twice = kind === "replaced" || (kind === "removed" && migration);
  if (!twice || before === null || before.resourceType === null) return zeroMoney;
  const cost = (hourly: string): string => new Dec(hourly).times(overlapHours).toFixed(4);
  return { eur: cost(before.hourlyNet.eur), usd: cost(before.hourlyNet.usd) };
}

/**
 * The lines of two sides that differ, in the order of the newer bill, removed ones last.
 *
 * @param replaced ids of lines that are known to be made anew although nothing of their price shows it.
 */
export function changedLines(
  before: readonly CostLine[],
  after: readonly CostLine[],
  migration: boolean,
  replaced: ReadonlySet<string> = new Set(),
): readonly LineChange[] {
  const olds = new Map(before.map((line) => [line.id, line]));
  const news = new Map(after.map((line) => [line.id, line]));
  const pairs = [...new Set([...news.keys(), ...olds.keys()])].map(
    (id): Pair => ({ id, before: olds.get(id) ?? null, after: news.get(id) ?? null }),
  );
  return pairs.flatMap((pair): readonly LineChange[] => {
    const anew = replaced.has(pair.id) && pair.before !== null && pair.after !== null;
    const kind = anew ? "replaced" : isPercentage(pair) ? kindOfPercentage(pair, pairs) : kindOf(pair);
    const shown = pair.after ?? pair.before;
    if (kind === null || shown === null) return [];
    return [
      {
        ...pair,
        kind,
        component: shown.component,
        name: shown.name,
        delta: subtractAmounts(pair.after ?? zeroAmounts, pair.before ?? zeroAmounts),
        oneTime: oneTime(kind, pair.before, migration),
      },
    ];
  });
}

export const oneTimeOf = (changes: readonly LineChange[]): Money => sumMoney(changes.map((change) => change.oneTime));
