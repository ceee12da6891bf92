import type { CostDiff, StackDiff } from "../schema/cost-diff.ts";
import { type DiffRow, diffRows, foldedRows, signs } from "./diff-rows.ts";
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
import { markdownTable } from "./markdown.ts";
import { cents, shortNames, signedCents } from "./rows.ts";

/** Marks the one comment of a pull request that is updated in place. */
export const commentMarker = "<!-- chitlaq-cost-diff -->";

/** A comment on GitHub holds 65,535 characters; bytes are counted, which are never fewer. */
export const commentLimit = 65_535;

const amount = (row: DiffRow, side: "before" | "after"): string => {
  const absent = side === "before" ? row.kind === "added" : row.kind === "removed";
  return absent ? "" : cents(row[side].monthlyNet.eur);
};

function linesTable(diff: StackDiff, rows: readonly DiffRow[]): string {
  const cells = rows.map((row) => [
    `${signs[row.kind]} ${row.kind}`,
    row.component,
    row.what,
    shortNames(row.names),
    amount(row, "before"),
    amount(row, "after"),
    signedCents(row.delta.monthlyNet.eur),
    signedCents(row.delta.monthlyNet.usd),
  ]);
  const { eur, usd } = diff.delta.monthlyNet;
  const total = ["**change**", "", "", "", "", "", `**${signedCents(eur)}**`, `**${signedCents(usd)}**`];
  return markdownTable(
    ["", "part", "what", "which", "before", "after", "EUR/month", "USD/month"],
    ["left", "left", "left", "left", "right", "right", "right", "right"],
    [...cells, total],
  );
}

/** Text of another's making inside Markdown: no markup, no mention, no comment end. */
const plain = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll("@", "&#64;");

const faultyStack = (diff: StackDiff): readonly string[] =>
  diff.faults.flatMap(({ side, message }) => [`${side}:`, "", "```text", message.replaceAll("```", "'''"), "```", ""]);

function stackSection(diff: StackDiff, folded: boolean): readonly string[] {
  const summary = `<details><summary><b>${plain(stackTitle(diff))}</b></summary>`;
  if (diff.state === "faulty") return [summary, "", ...faultyStack(diff), "</details>", ""];
  const once = oneTimeSentence(diff);
  return [
    summary,
    "",
    `${deltaSentence(diff)}.`,
    "",
    linesTable(diff, folded ? foldedRows(diff) : diffRows(diff)),
    ...(folded ? ["", `${diff.lines.length} lines in all; \`cost diff --json\` has each of them.`] : []),
    "",
    ...(once === null ? [] : [`- Once: ${once}`]),
    `- Budget: ${budgetSentence(diff)}`,
    `- Per user: ${perUserSentence(diff)}`,
    `- Traffic: ${trafficSentence(diff)}`,
    `- Share of each limit at the expected users: ${headroomSentences(diff).join("; ")}`,
    `- Limit that is reached first: ${bottleneckSentence(diff)}`,
    "",
    "</details>",
    "",
  ];
}

function overview(diff: CostDiff): string {
  const rows = diff.stacks.map((stack) => [
    stack.stack,
    stack.before === null ? "" : cents(stack.before.total.monthlyNet.eur),
    stack.after === null ? "" : cents(stack.after.total.monthlyNet.eur),
    stack.state === "faulty" ? "cannot be planned" : signedCents(stack.delta.monthlyNet.eur),
    stack.state === "faulty" ? "" : signedCents(stack.delta.monthlyNet.usd),
    stack.state === "faulty" ? "" : budgetSentence(stack),
  ]);
  const { before, after, delta } = diff.total;
  const total = [
    "**all**",
    cents(before.monthlyNet.eur),
    cents(after.monthlyNet.eur),
    `**${signedCents(delta.monthlyNet.eur)}**`,
    `**${signedCents(delta.monthlyNet.usd)}**`,
    "",
  ];
  return markdownTable(
    ["stack", "before, EUR/month", "after", "EUR/month", "USD/month", "budget"],
    ["left", "right", "right", "right", "right", "left"],
    [...rows, total],
  );
}

function render(diff: CostDiff, folded: ReadonlySet<string>): string {
  const warnings = diff.stacks.flatMap((stack) =>
    stack.warnings.map(({ message }) => `- :warning: **${plain(stack.stack)}**: ${plain(message)}`),
  );
  const failures = diff.gate.failures.map(({ message }) => `- :no_entry: ${plain(message)}`);
  const shown = diff.stacks.filter((stack) => stack.state !== "unchanged");
  return [
    commentMarker,
    "### Cost of this change",
    "",
    `${plain(totalSentence(diff))}.`,
    "",
    overview(diff),
    "",
    ...(failures.length === 0 ? [] : [...failures, ""]),
    ...(warnings.length === 0 ? [] : [...warnings, ""]),
    ...shown.flatMap((stack) => stackSection(stack, folded.has(stack.stack))),
    `<sub>${[sidesSentence(diff), ...basisSentences(diff)].map(plain).join(". ")}.</sub>`,
  ].join("\n");
}

/**
 * A comparison as the comment of a pull request: every stack, every amount.
 *
 * When it would not fit, the stacks with the most rows are folded to one row for each part and kind, until it does.
 */
export function diffMarkdown(diff: CostDiff, limit: number = commentLimit): string {
  const largest = diff.stacks.toSorted((a, b) => b.lines.length - a.lines.length).map((stack) => stack.stack);
  for (let count = 0; ; count += 1) {
    const text = render(diff, new Set(largest.slice(0, count)));
    if (Buffer.byteLength(text) <= limit || count >= largest.length) return text;
  }
}
