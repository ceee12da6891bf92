import { stripVTControlCharacters, styleText } from "node:util";
import Table from "cli-table3";
import type { CostOutput } from "../schema/cost-output.ts";
import { cents, type Row, rowsOf, shortNames } from "./rows.ts";
import {
  budgetSentence,
  perUserSentences,
  pricesSentence,
  storageSentence,
  totalSentence,
  trafficSentence,
} from "./summary.ts";

export type TableOptions = {
  /** Width of the terminal in columns. */
  readonly columns: number;
  readonly color: boolean;
};

type Style = Parameters<typeof styleText>[0];

/** Colours text, or leaves it alone. */
export const painter =
  (color: boolean) =>
  (style: Style, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text;

type Column<T> = {
  readonly head: string;
  readonly align: "left" | "right";
  /** Columns with the highest number go first when the terminal is narrow; 0 always stays. */
  readonly drop: number;
  readonly cell: (row: T) => string;
};

function render<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  total: readonly string[] | null,
  head: (text: string) => string,
): string {
  const table = new Table({
    head: columns.map((column) => head(column.head)),
    colAligns: columns.map((column) => column.align),
    style: { head: [], border: [], "padding-left": 1, "padding-right": 1 },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" },
  });
  table.push(...rows.map((row) => columns.map((column) => column.cell(row))));
  if (total !== null) table.push(total.map((cell) => head(cell)));
  return table.toString();
}

const visibleWidth = (text: string): number =>
  Math.max(...text.split("\n").map((line) => [...stripVTControlCharacters(line)].length));

/** Renders a table and leaves out its least important columns until it fits. */
export function fittingTable<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  total: ((column: Column<T>) => string) | null,
  options: TableOptions,
): string {
  const paint = painter(options.color);
  let kept = columns;
  for (;;) {
    const text = render(kept, rows, total === null ? null : kept.map(total), (cell) => paint("bold", cell));
    const droppable = Math.max(...kept.map((column) => column.drop));
    if (visibleWidth(text) <= options.columns || droppable === 0) return text;
    kept = kept.filter((column) => column.drop !== droppable);
  }
}

export type { Column };

const costColumns: readonly Column<Row>[] = [
  { head: "part", align: "left", drop: 1, cell: (row) => row.component },
  { head: "what", align: "left", drop: 0, cell: (row) => `${row.description}${row.locked ? " (old price)" : ""}` },
  { head: "which", align: "left", drop: 3, cell: (row) => shortNames(row.names) },
  { head: "n", align: "right", drop: 4, cell: (row) => String(row.count) },
  { head: "each", align: "right", drop: 5, cell: (row) => row.unitPrice },
  { head: "EUR/month", align: "right", drop: 0, cell: (row) => cents(row.amounts.monthlyNet.eur) },
  { head: "USD/month", align: "right", drop: 2, cell: (row) => cents(row.amounts.monthlyNet.usd) },
];

const totalCell =
  (cost: CostOutput) =>
  (column: Column<Row>): string => {
    if (column.head === "what") return "total";
    if (column.head === "EUR/month") return cents(cost.total.monthlyNet.eur);
    return column.head === "USD/month" ? cents(cost.total.monthlyNet.usd) : "";
  };

/** The cost of one stack for a terminal. */
export function costTable(cost: CostOutput, options: TableOptions): string {
  const paint = painter(options.color);
  const budget = budgetSentence(cost);
  return [
    `${paint("bold", cost.stack)} in ${cost.location}: ${totalSentence(cost)}`,
    fittingTable(costColumns, rowsOf(cost), totalCell(cost), options),
    `Budget   ${cost.budget.over ? paint("red", budget) : budget}`,
    ...perUserSentences(cost).map((sentence, index) => `${index === 0 ? "Per user" : "        "} ${sentence}`),
    `Traffic  ${trafficSentence(cost)}`,
    `Storage  ${storageSentence(cost)}`,
    ...cost.notes.map((note) => `Note     ${note}`),
    paint("dim", pricesSentence(cost)),
  ].join("\n");
}
