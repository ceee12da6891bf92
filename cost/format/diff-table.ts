import type { CostDiff, StackDiff } from "../schema/cost-diff.ts";
import { type DiffRow, diffRows, signs } from "./diff-rows.ts";
import {
  basisSentences,
  bottleneckSentence,
  budgetSentence,
  deltaSentence,
  headroomSentences,
  oneTimeSentence,
  perUserSentence,
  sidesSentence,
  stackTitle,
  totalSentence,
  trafficSentence,
} from "./diff-summary.ts";
import { cents, shortNames, signedCents } from "./rows.ts";
import { type Column, fittingTable, painter, type TableOptions } from "./table.ts";

const amount = (row: DiffRow, side: "before" | "after"): string => {
  const absent = side === "before" ? row.kind === "added" : row.kind === "removed";
  return absent ? "" : cents(row[side].monthlyNet.eur);
};

const columns: readonly Column<DiffRow>[] = [
  { head: "", align: "left", drop: 0, cell: (row) => signs[row.kind] },
  { head: "part", align: "left", drop: 1, cell: (row) => row.component },
  { head: "what", align: "left", drop: 0, cell: (row) => row.what },
  { head: "which", align: "left", drop: 3, cell: (row) => shortNames(row.names) },
  { head: "n", align: "right", drop: 6, cell: (row) => String(row.count) },
  { head: "before", align: "right", drop: 5, cell: (row) => amount(row, "before") },
  { head: "after", align: "right", drop: 4, cell: (row) => amount(row, "after") },
  { head: "EUR/month", align: "right", drop: 0, cell: (row) => signedCents(row.delta.monthlyNet.eur) },
  { head: "USD/month", align: "right", drop: 2, cell: (row) => signedCents(row.delta.monthlyNet.usd) },
];

const totalCell =
  (diff: StackDiff) =>
  (column: Column<DiffRow>): string => {
    switch (column.head) {
      case "what":
        return "change";
      case "EUR/month":
        return signedCents(diff.delta.monthlyNet.eur);
      case "USD/month":
        return signedCents(diff.delta.monthlyNet.usd);
      default:
        return "";
    }
  };

function stackText(diff: StackDiff, options: TableOptions): readonly string[] {
  const paint = painter(options.color);
  const title = paint("bold", stackTitle(diff));
  if (diff.state === "faulty") {
    return [title, ...diff.faults.map(({ side, message }) => paint("red", `${side}: ${message}`))];
  }
  const warnings = diff.warnings.map(({ message }) => paint("yellow", `Warning  ${message}`));
  if (diff.state === "unchanged") return [`${title}: ${deltaSentence(diff)}`];
  const once = oneTimeSentence(diff);
  return [
    `${title}: ${deltaSentence(diff)}`,
    ...(diff.lines.length === 0 ? [] : [fittingTable(columns, diffRows(diff), totalCell(diff), options)]),
    ...(once === null ? [] : [`Once     ${once}`]),
    `Budget   ${budgetSentence(diff)}`,
    `Per user ${perUserSentence(diff)}`,
    `Traffic  ${trafficSentence(diff)}`,
    `Limits   ${headroomSentences(diff).join("; ")}`,
    `First    ${bottleneckSentence(diff)}`,
    ...warnings,
  ];
}

/** A comparison for a terminal. */
export function diffTable(diff: CostDiff, options: TableOptions): string {
  const paint = painter(options.color);
  const failures = diff.gate.failures.map(({ message }) => paint("red", `Gate     ${message}`));
  return [
    paint("bold", sidesSentence(diff)),
    "",
    ...diff.stacks.flatMap((stack) => [...stackText(stack, options), ""]),
    totalSentence(diff),
    ...failures,
    ...basisSentences(diff).map((sentence) => paint("dim", sentence)),
  ].join("\n");
}
