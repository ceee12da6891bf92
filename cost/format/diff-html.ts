import { headroomChart, partsChart } from "../charts/diff-charts.ts";
import { type Chart, renderSvg } from "../charts/render.ts";
import type { CostDiff, StackDiff } from "../schema/cost-diff.ts";
import { type DiffRow, diffRows } from "./diff-rows.ts";
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
import { escapeHtml, figure, type HtmlColumn, heading, htmlList, htmlPage, htmlTable, paragraph } from "./page.ts";
import { cents, shortNames, signedCents } from "./rows.ts";

const columns: readonly HtmlColumn[] = [
  { head: "", number: false },
  { head: "part", number: false },
  { head: "what", number: false },
  { head: "which", number: false },
  { head: "before", number: true },
  { head: "after", number: true },
  { head: "EUR/month", number: true },
  { head: "USD/month", number: true },
];

const cells = (row: DiffRow): readonly string[] => [
  row.kind,
  row.component,
  row.what,
  shortNames(row.names),
  row.kind === "added" ? "" : cents(row.before.monthlyNet.eur),
  row.kind === "removed" ? "" : cents(row.after.monthlyNet.eur),
  signedCents(row.delta.monthlyNet.eur),
  signedCents(row.delta.monthlyNet.usd),
];

const drawn = async (chart: Chart | null): Promise<string> => (chart === null ? "" : figure(await renderSvg(chart)));

async function stackPart(diff: StackDiff): Promise<readonly string[]> {
  const title = heading(2, stackTitle(diff));
  if (diff.state === "faulty") {
    return [title, ...diff.faults.map(({ side, message }) => `<pre>${escapeHtml(`${side}: ${message}`)}</pre>`)];
  }
  const { eur, usd } = diff.delta.monthlyNet;
  const total = ["change", "", "", "", "", "", signedCents(eur), signedCents(usd)];
  const once = oneTimeSentence(diff);
  return [
    title,
    paragraph(`${deltaSentence(diff)}.`),
    htmlList(
      diff.warnings.map((warning) => warning.message),
      "warning",
    ),
    diff.lines.length === 0 ? "" : htmlTable(columns, diffRows(diff).map(cells), total),
    htmlList([
      ...(once === null ? [] : [`Once: ${once}`]),
      `Budget: ${budgetSentence(diff)}`,
      `Per user: ${perUserSentence(diff)}`,
      `Traffic: ${trafficSentence(diff)}`,
      `Share of each limit at the expected users: ${headroomSentences(diff).join("; ")}`,
      `Limit that is reached first: ${bottleneckSentence(diff)}`,
    ]),
    await drawn(partsChart(diff)),
    diff.state === "unchanged" ? "" : await drawn(headroomChart(diff)),
  ];
}

/** A comparison as one self-contained page with charts. */
export async function diffHtml(diff: CostDiff): Promise<string> {
  const parts = await Promise.all(diff.stacks.map(stackPart));
  return htmlPage("Cost of a change", [
    heading(1, "Cost of a change"),
    paragraph(sidesSentence(diff)),
    paragraph(`${totalSentence(diff)}.`),
    htmlList(
      diff.gate.failures.map((failure) => failure.message),
      "failure",
    ),
    ...parts.flat(),
    ...basisSentences(diff).map((sentence) => paragraph(`${sentence}.`, "faint")),
  ]);
}
