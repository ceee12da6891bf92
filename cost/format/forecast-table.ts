import type { Forecast, ScenarioForecast } from "../schema/forecast.ts";
import {
  assumptionSentences,
  basisSentence,
  limitHead,
  limitRows,
  type MonthCells,
  monthCells,
  monthHead,
  moveSentences,
  savingSentences,
  scenarioTitle,
  successSentences,
} from "./forecast-summary.ts";
import { markdownTable } from "./markdown.ts";
import { type Column, fittingTable, painter, type TableOptions } from "./table.ts";

/** What goes first when the terminal is narrow; 0 stays. */
const drops: Readonly<Record<(typeof monthHead)[number], number>> = {
  month: 0,
  users: 0,
  stage: 0,
  "EUR/month": 0,
  "USD/month": 3,
  budget: 2,
  "USD/user": 1,
  used: 4,
  "database GB": 7,
  "images GB": 8,
  "traffic TB": 5,
  "calls/day": 12,
  "requests/s": 6,
  online: 9,
  WebSockets: 10,
  connections: 11,
};

const monthColumns: readonly Column<MonthCells>[] = monthHead.map((head) => ({
  head,
  align: head === "stage" || head === "used" ? "left" : "right",
  drop: drops[head],
  cell: (cells) => cells[head],
}));

const limitColumns: readonly Column<readonly string[]>[] = limitHead.map((head, index) => ({
  head,
  align: head === "at" ? "right" : "left",
  drop: 0,
  cell: (row) => row[index] ?? "",
}));

function scenarioText(scenario: ScenarioForecast, options: TableOptions): readonly string[] {
  const paint = painter(options.color);
  return [
    paint("bold", scenarioTitle(scenario)),
    fittingTable(monthColumns, scenario.months.map(monthCells), null, options),
    ...moveSentences(scenario).map((sentence) => `Move     ${sentence}`),
    ...successSentences(scenario).map((sentence) => `Metric   ${sentence}`),
    fittingTable(limitColumns, limitRows(scenario), null, options),
    "",
  ];
}

/** A forecast for a terminal. */
export function forecastTable(forecast: Forecast, options: TableOptions): string {
  const paint = painter(options.color);
  return [
    ...forecast.scenarios.flatMap((scenario) => scenarioText(scenario, options)),
    ...savingSentences(forecast).map((sentence) => `Saving   ${sentence}`),
    ...assumptionSentences(forecast).map((sentence) => paint("dim", `Assumed  ${sentence}`)),
    paint("dim", `${basisSentence(forecast)}.`),
  ].join("\n");
}

const bullets = (sentences: readonly string[]): readonly string[] => sentences.map((sentence) => `- ${sentence}`);

/** A forecast as Markdown. */
export function forecastMarkdown(forecast: Forecast): string {
  const scenario = (each: ScenarioForecast): readonly string[] => [
    `### ${scenarioTitle(each)}`,
    "",
    markdownTable(
      monthHead,
      monthColumns.map((column) => column.align),
      each.months.map((month) => {
        const cells = monthCells(month);
        return monthHead.map((head) => cells[head]);
      }),
    ),
    "",
    ...bullets(moveSentences(each)),
    ...bullets(successSentences(each)),
    "",
    markdownTable(
      limitHead,
      limitColumns.map((column) => column.align),
      limitRows(each),
    ),
    "",
  ];
  return [
    "## Forecast",
    "",
    ...forecast.scenarios.flatMap(scenario),
    "### Savings",
    "",
    ...bullets(savingSentences(forecast)),
    "",
    "### Assumptions",
    "",
    ...bullets(assumptionSentences(forecast)),
    "",
    `${basisSentence(forecast)}.`,
  ].join("\n");
}
