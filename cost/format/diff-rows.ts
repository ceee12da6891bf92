import type { ChangeKind } from "../diff/lines.ts";
import { type Amounts, addAmounts, type Money, sumMoney } from "../money.ts";
import type { StackDiff } from "../schema/cost-diff.ts";
import type { CostLine } from "../schema/cost-output.ts";
import { unitPrice } from "./rows.ts";

type LineDiff = StackDiff["lines"][number];

/** Changes that differ only in the machine they belong to, as one row. */
export type DiffRow = {
  readonly kind: ChangeKind;
  readonly component: string;
  readonly what: string;
  readonly names: readonly string[];
  readonly count: number;
  readonly before: Amounts;
  readonly after: Amounts;
  readonly delta: Amounts;
  readonly oneTime: Money;
};

/** One character per kind, for columns without colour. */
export const signs = {
  added: "+",
  removed: "-",
  replaced: "!",
  resized: "~",
  repriced: "€",
  converted: "≈",
} as const satisfies Record<ChangeKind, string>;

const shown = (line: CostLine): string => (line.price.locked ? `${line.description} (old price)` : line.description);

/** `ccx23 in ash → ccx33 in ash`, `cpx21 in ash, 31.99 → 33.99 EUR`. */
function whatOf({ kind, before, after }: LineDiff): string {
  if (before === null || after === null) {
    const line = after ?? before;
    return line === null ? "" : shown(line);
  }
  if (kind === "repriced" || kind === "converted") return `${after.description}, ${priceChange(before, after)}`;
  const [old, now] = [shown(before), shown(after)];
  return old === now ? now : `${old} → ${now}`;
}

function priceChange(before: CostLine, after: CostLine): string {
  const [old, now] = [unitPrice(before), unitPrice(after)];
  if (old !== now) return `${old} → ${now}`;
  return before.unit === "percent" ? `${now} of another price` : "exchange rate or VAT";
}

const rowKey = (line: LineDiff): string =>
  [
    line.kind,
    line.component,
    whatOf(line),
    line.before?.quantity,
    line.after?.quantity,
    line.delta.monthlyNet.eur,
  ].join("\n");

const amountsOfSide = (lines: readonly LineDiff[], side: "before" | "after"): Amounts =>
  addAmounts(lines.flatMap((line) => line[side] ?? []));

/** The changes of a stack as rows, in the order of the lines. */
export function diffRows(diff: Pick<StackDiff, "lines">): readonly DiffRow[] {
  return [...Map.groupBy(diff.lines, rowKey).values()].flatMap((lines) => {
    const first = lines[0];
    if (first === undefined) return [];
    return [{ ...rowOf(lines, first), what: whatOf(first), names: lines.map((line) => line.name) }];
  });
}

const rowOf = (lines: readonly LineDiff[], first: LineDiff) => ({
  kind: first.kind,
  component: first.component,
  count: lines.length,
  before: amountsOfSide(lines, "before"),
  after: amountsOfSide(lines, "after"),
  delta: addAmounts(lines.map((line) => line.delta)),
  oneTime: sumMoney(lines.map((line) => line.oneTime)),
});

/** The same changes with one row for each part and kind: for reports that must stay short. No amount is lost. */
export function foldedRows(diff: Pick<StackDiff, "lines">): readonly DiffRow[] {
  const groups = Map.groupBy(diff.lines, (line) => `${line.component}\n${line.kind}`);
  return [...groups.values()].flatMap((lines) => {
    const first = lines[0];
    if (first === undefined) return [];
    const count = `${lines.length} ${lines.length === 1 ? "line" : "lines"}`;
    return [{ ...rowOf(lines, first), what: count, names: [] }];
  });
}
