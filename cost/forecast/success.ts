import type { successMetrics } from "../../plan/capacity.ts";
import type { ForecastMonth, ScenarioForecast } from "../schema/forecast.ts";

type Success = ScenarioForecast["success"][number];

const list = (months: readonly ForecastMonth[]): string => {
  const numbers = months.map((month) => month.month);
  if (numbers.length === 0) return "no month";
  const [first, last] = [numbers[0], numbers.at(-1)];
  return numbers.length === 1 || last === undefined
    ? `month ${first}`
    : `${numbers.length} months between ${first} and ${last}`;
};

function perUser(months: readonly ForecastMonth[], target: number): Success {
  const above = months.filter((month) => month.perUserUsd.to >= target);
  const all = months.map((month) => month.perUserUsd.to);
  return {
    metric: "cost per user",
    target: `below ${target} USD`,
    result: above.length === 0 ? `at most ${Math.max(...all).toFixed(4)} USD` : `above it in ${list(above)}`,
    met: above.length === 0,
  };
}

/** Growth of the whole forecast, from its first to its last month, at the upper estimate. */
function costGrowth(months: readonly ForecastMonth[], percent: number): Success {
  const [first, last] = [months[0], months.at(-1)];
  const growth = (from: number, to: number): number => (from === 0 ? 0 : (to / from - 1) * 100);
  const users = first === undefined || last === undefined ? 0 : growth(first.users.to, last.users.to);
  const cost =
    first === undefined || last === undefined
      ? 0
      : growth(Number(first.monthlyNet.to.usd), Number(last.monthlyNet.to.usd));
  return {
    metric: "cost growth",
    target: `below ${percent} % of user growth`,
    result: `cost ${cost.toFixed(0)} %, users ${users.toFixed(0)} % from the first to the last month`,
    met: cost < (users * percent) / 100,
  };
}

/** The plan also wants to scale at 80 %: a platform that obeys its own triggers can never be above it. */
function utilisation(months: readonly ForecastMonth[], percent: number): Success {
  const above = months.filter((month) => month.utilisationPercent.to > percent);
  return {
    metric: "utilisation",
    target: `above ${percent} %`,
    result: `above it in ${list(above)}; the plan's own triggers scale at ${percent} %, so it cannot stay there`,
    met: above.length === months.length,
  };
}

/** The capacity plan's cost metrics against a forecast. */
export const successOf = (months: readonly ForecastMonth[], metrics: typeof successMetrics): readonly Success[] => [
  perUser(months, metrics.costPerActiveUserUsd),
  costGrowth(months, metrics.costGrowthPercentOfUserGrowth),
  utilisation(months, metrics.utilisationPercent),
];
