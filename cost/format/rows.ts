import { addAmounts, type Amounts, Dec } from "../money.ts";
import type { CostLine, CostOutput } from "../schema/cost-output.ts";

/** Lines that differ only in the machine they belong to, as one row of a table. */
export type Row = {
  readonly component: string;
  readonly description: string;
  readonly names: readonly string[];
  readonly count: number;
  /** `31.99 EUR`, `0.0572 EUR/GB`, `20 %`. */
  readonly unitPrice: string;
  readonly locked: boolean;
  readonly amounts: Amounts;
};

const perUnit = {
  month: "",
  "GB-month": "/GB",
  TB: "/TB",
  "TB-hour": "/TB/h",
  GB: "/GB",
  million: "/million",
  percent: "",
} as const satisfies Record<CostLine["unit"], string>;

export const unitPrice = (line: CostLine): string =>
  line.unit === "percent" ? `${line.price.net} %` : `${line.price.net} ${line.price.currency}${perUnit[line.unit]}`;

const sameRow = (line: CostLine): string =>
  [line.component, line.description, unitPrice(line), line.quantity, line.price.locked].join("\n");

/** Groups a cost's lines into rows, in the order of the lines. */
export function rowsOf(cost: Pick<CostOutput, "lines">): readonly Row[] {
  const groups = Map.groupBy(cost.lines, sameRow);
  return [...groups.values()].flatMap((lines) => {
    const first = lines[0];
    if (first === undefined) return [];
    return [
      {
        component: first.component,
        description: first.description,
        names: lines.map((line) => line.name),
        count: lines.length,
        unitPrice: unitPrice(first),
        locked: first.price.locked,
        amounts: addAmounts(lines),
      },
    ];
  });
}

/** An amount to the cent, half up: `1234.50`. */
export const cents = (amount: string): string => new Dec(amount).toFixed(2);

/** A signed amount to the cent: `+12.00`, `-3.50`, `0.00`. */
export function signedCents(amount: string): string {
  const text = cents(amount);
  return new Dec(text).gt(0) ? `+${text}` : text.replace(/^-0\.00$/, "0.00");
}

/** `0.0061`: cost per user, to 1/100 cent. */
export const tenThousandths = (amount: string): string => new Dec(amount).toFixed(4);

/** `50,000`. */
export const thousands = (count: number): string => count.toString().replace(/\B(?=(\d{3})+$)/g, ",");

type Run = { readonly before: string; readonly from: number; readonly to: number; readonly after: string };

function runOf(name: string): Run | null {
  const [, before, digits, after] = /^(.*?)(\d+)(\D*)$/.exec(name) ?? [];
  if (before === undefined || after === undefined) return null;
  return { before, from: Number(digits), to: Number(digits), after };
}

const continues = (run: Run, next: Run): boolean =>
  run.before === next.before && run.after === next.after && next.from === run.to + 1;

const runText = ({ before, from, to, after }: Run): string => {
  if (from === to) return `${before}${from}${after}`;
  return `${before}${from}${to === from + 1 ? `${after}, ${before}` : "…"}${to}${after}`;
};

/** `db-1, db-2, db-3, redis-1` as `db-1…3, redis-1`: runs of three and more are shortened. */
export function shortNames(names: readonly string[]): string {
  const runs: (Run | string)[] = [];
  for (const name of names) {
    const next = runOf(name);
    const last = runs.at(-1);
    if (next === null) runs.push(name);
    else if (last === undefined || typeof last === "string" || !continues(last, next)) runs.push(next);
    else runs[runs.length - 1] = { ...last, to: next.to };
  }
  return runs.map((run) => (typeof run === "string" ? run : runText(run))).join(", ");
}
