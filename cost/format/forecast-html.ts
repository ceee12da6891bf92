import { forecastPictures } from "../charts/forecast-charts.ts";
import { renderSvg } from "../charts/render.ts";
import type { Forecast, ScenarioForecast } from "../schema/forecast.ts";
import {
  assumptionSentences,
  basisSentence,
  limitHead,
  limitRows,
  monthCells,
  type monthHead,
  moveSentences,
  savingSentences,
  scenarioTitle,
  successSentences,
} from "./forecast-summary.ts";
import { figure, heading, htmlList, htmlPage, htmlTable, paragraph } from "./page.ts";

/** Columns of the page's table; the others are in the JSON. */
const pageColumns = [
  "month",
  "users",
  "stage",
  "EUR/month",
  "USD/month",
  "budget",
  "USD/user",
  "database GB",
  "traffic TB",
  "used",
] as const satisfies readonly (typeof monthHead)[number][];

const isText = (head: string): boolean => head === "stage" || head === "used" || head === "limit";

function scenarioPart(scenario: ScenarioForecast): readonly string[] {
  const months = scenario.months.map((month) => {
    const cells = monthCells(month);
    return pageColumns.map((head) => cells[head]);
  });
  return [
    heading(2, scenarioTitle(scenario)),
    htmlList([...moveSentences(scenario), ...successSentences(scenario)]),
    htmlTable(
      pageColumns.map((head) => ({ head, number: !isText(head) })),
      months,
      null,
    ),
    heading(3, "When each limit would be reached if the stage were kept"),
    htmlTable(
      limitHead.map((head) => ({ head, number: head === "at" })),
      limitRows(scenario),
      null,
    ),
  ];
}

/** A forecast as one self-contained page with charts. */
export async function forecastHtml(forecast: Forecast): Promise<string> {
  const pictures = await Promise.all(Object.values(forecastPictures(forecast)).map(renderSvg));
  return htmlPage("Forecast", [
    heading(1, "What growth will need and cost"),
    paragraph(`${basisSentence(forecast)}.`, "faint"),
    ...pictures.map(figure),
    ...forecast.scenarios.flatMap(scenarioPart),
    heading(2, "Savings"),
    htmlList(savingSentences(forecast)),
    heading(2, "Assumptions"),
    htmlList(assumptionSentences(forecast)),
  ]);
}
