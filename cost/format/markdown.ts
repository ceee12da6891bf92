import type { CostOutput } from "../schema/cost-output.ts";
import { cents, rowsOf, shortNames } from "./rows.ts";
import {
  budgetSentence,
  perUserSentences,
  pricesSentence,
  storageSentence,
  totalSentence,
  trafficSentence,
} from "./summary.ts";

/** Keeps a cell in its column: pipes and line breaks would end it. */
export const cell = (text: string): string =>
  text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll("\n", " ");

export const markdownTable = (
  head: readonly string[],
  align: readonly ("left" | "right")[],
  rows: readonly (readonly string[])[],
): string =>
  [
    `| ${head.join(" | ")} |`,
    `| ${align.map((side) => (side === "right" ? "---:" : "---")).join(" | ")} |`,
    ...rows.map((row) => `| ${row.map(cell).join(" | ")} |`),
  ].join("\n");

/** The cost of one stack as Markdown. */
export function costMarkdown(cost: CostOutput): string {
  const rows = rowsOf(cost).map((row) => [
    row.component,
    `${row.description}${row.locked ? " (old price)" : ""}`,
    shortNames(row.names),
    String(row.count),
    row.unitPrice,
    cents(row.amounts.monthlyNet.eur),
    cents(row.amounts.monthlyNet.usd),
  ]);
  const total = [
    "**total**",
    "",
    "",
    "",
    "",
    `**${cents(cost.total.monthlyNet.eur)}**`,
    `**${cents(cost.total.monthlyNet.usd)}**`,
  ];
  return [
    `### ${cost.stack} in ${cost.location}`,
    "",
    `${totalSentence(cost)}.`,
    "",
    markdownTable(
      ["part", "what", "which", "n", "each", "EUR/month", "USD/month"],
      ["left", "left", "left", "right", "right", "right", "right"],
      [...rows, total],
    ),
    "",
    `- Budget: ${budgetSentence(cost)}`,
    ...perUserSentences(cost).map((sentence) => `- Per user: ${sentence}`),
    `- Traffic: ${trafficSentence(cost)}`,
    `- Storage: ${storageSentence(cost)}`,
    ...cost.notes.map((note) => `- ${note}`),
    "",
    `${pricesSentence(cost)}.`,
  ].join("\n");
}
