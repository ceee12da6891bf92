import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forecastOf } from "../forecast/forecast.ts";
import { readMeasured } from "../forecast/measured.ts";
import { fileScenario, planScenario, type Scenario, scenarioNames } from "../forecast/scenarios.ts";
import { forecastMarkdown, forecastTable } from "../format/forecast-table.ts";
import { loadPriceBook } from "../prices/book.ts";
import type { Forecast } from "../schema/forecast.ts";
import { CommandError, type Io } from "./io.ts";
import { checkDay, checkRate } from "./options.ts";

export type ForecastCommandOptions = {
  readonly scenario?: string;
  readonly months?: string;
  readonly measured?: string;
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly html?: boolean;
  readonly svg?: string;
  readonly at?: string;
  readonly usdPerEur?: string;
};

const longest = 60;

function monthsOf(value: string | undefined): number {
  const months = Number(value ?? "24");
  if (!Number.isInteger(months) || months < 1 || months > longest) {
    throw new CommandError(`--months: ${value} given, it needs a whole number from 1 to ${longest}`);
  }
  return months;
}

function scenariosOf(name: string | undefined, months: number): readonly Scenario[] {
  const asked = name ?? "moderate";
  if (asked === "all") return scenarioNames.map((each) => planScenario(each, months));
  const known = scenarioNames.find((each) => each === asked);
  if (known !== undefined) return [planScenario(known, months)];
  if (/\.(ya?ml|json)$/.test(asked)) return [fileScenario(asked, months)];
  throw new CommandError(`--scenario: ${asked} given, choose ${scenarioNames.join(", ")}, all or a YAML file`);
}

async function writePictures(forecast: Forecast, directory: string, io: Io): Promise<void> {
  const { forecastPictures } = await import("../charts/forecast-charts.ts");
  const { renderSvg } = await import("../charts/render.ts");
  mkdirSync(directory, { recursive: true });
  for (const [name, chart] of Object.entries(forecastPictures(forecast))) {
    writeFileSync(join(directory, `${name}.svg`), await renderSvg(chart));
    io.out(join(directory, `${name}.svg`));
  }
}

/** `forecast` */
export async function showForecast(options: ForecastCommandOptions, io: Io): Promise<void> {
  const book = loadPriceBook();
  const forecast = forecastOf(scenariosOf(options.scenario, monthsOf(options.months)), {
    book,
    at: checkDay("--at", options.at) ?? book.date,
    usdPerEur: checkRate(options.usdPerEur) ?? null,
    measured: options.measured === undefined ? {} : readMeasured(options.measured),
  });
  if (options.svg !== undefined) await writePictures(forecast, options.svg, io);
  else if (options.json === true) io.out(JSON.stringify(forecast, null, 2));
  else if (options.markdown === true) io.out(forecastMarkdown(forecast));
  else if (options.html === true) {
    const { forecastHtml } = await import("../format/forecast-html.ts");
    io.out(await forecastHtml(forecast));
  } else io.out(forecastTable(forecast, io));
}
