import { assumptions } from "../capacity/assumptions.ts";
import { costOutput } from "../estimate.ts";
import type { PriceBook } from "../prices/book.ts";
import { findExchangeRate } from "../prices/lookup.ts";
import type { Forecast } from "../schema/forecast.ts";
import { type Measured, withMeasured } from "./measured.ts";
import { leadTimeMonths, projectScenario } from "./project.ts";
import { savingsOf } from "./savings.ts";
import type { Scenario } from "./scenarios.ts";
import { type Stage, stagesOf } from "./stages.ts";

export type ForecastOptions = {
  readonly book: PriceBook;
  readonly at: string;
  readonly usdPerEur: string | null;
  readonly measured: Measured;
  /** Folder with the stack files; the repository's own when left out. */
  readonly stacksDirectory?: string;
};

const stageCosts = (stages: readonly Stage[], { book, at }: ForecastOptions, rate: string): Forecast["stages"] =>
  stages.map((stage) => {
    const cost = costOutput(stage.plan, book, { at, usdPerEur: rate });
    return {
      stage: stage.name,
      monthlyNet: cost.total.monthlyNet,
      budgetUsd: stage.budgetUsd,
      parts: cost.components.map(({ component, monthlyNet }) => ({ component, monthlyNet })),
    };
  });

/** What growth will need and cost: per scenario and month, with the limits, the moves and the plan's own metrics. */
export function forecastOf(scenarios: readonly Scenario[], options: ForecastOptions): Forecast {
  const { book, at } = options;
  const rate = options.usdPerEur ?? findExchangeRate(book, at).usdPerEur;
  const stages = stagesOf(book, at, options.stacksDirectory).map((stage) => ({
    ...stage,
    ceilings: withMeasured(stage.ceilings, options.measured[stage.name]),
  }));
  const estimate = { at, usdPerEur: rate };
  return {
    version: 1,
    prices: { at, usdPerEur: rate },
    leadTimeMonths,
    assumptions: Object.entries(assumptions).map(([name, assumption]) => ({ name, ...assumption })),
    scenarios: scenarios.map((scenario) => projectScenario(scenario, stages, { book, options: estimate })),
    stages: stageCosts(stages, options, rate),
    savings: [...savingsOf(stages, { book, at, rate, options: estimate })],
  };
}
