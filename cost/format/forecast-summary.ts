import { limitLabels } from "../capacity/load.ts";
import { stageLabels } from "../forecast/stages.ts";
import { Dec } from "../money.ts";
import type { Forecast, ForecastMonth, ScenarioForecast } from "../schema/forecast.ts";
import { cents, thousands } from "./rows.ts";

/** Cells and sentences of a forecast, the same in every format. */

type Span = { readonly from: number; readonly to: number };

const range = (from: string, to: string): string => (from === to ? to : `${from} to ${to}`);

const whole = (value: number): string => thousands(Math.round(value));

const short = (value: number): string => {
  if (value >= 10 || value === 0) return whole(value);
  return value.toFixed(value >= 1 ? 1 : 2);
};

const spanText = (span: Span): string => range(short(span.from), short(span.to));

export const monthHead = [
  "month",
  "users",
  "stage",
  "EUR/month",
  "USD/month",
  "budget",
  "USD/user",
  "database GB",
  "images GB",
  "traffic TB",
  "calls/day",
  "requests/s",
  "online",
  "WebSockets",
  "connections",
  "used",
] as const;

export type MonthCells = Readonly<Record<(typeof monthHead)[number], string>>;

export const monthCells = (month: ForecastMonth): MonthCells => ({
  month: String(month.month),
  users: range(whole(month.users.from), whole(month.users.to)),
  stage: `${range(stageLabels[month.stageAtLower], stageLabels[month.stage])}${month.overloaded ? ", too small" : ""}`,
  "EUR/month": range(cents(month.monthlyNet.from.eur), cents(month.monthlyNet.to.eur)),
  "USD/month": range(cents(month.monthlyNet.from.usd), cents(month.monthlyNet.to.usd)),
  budget: `${new Dec(month.monthlyNet.to.usd).dividedBy(month.budgetUsd).times(100).toFixed(0)} %`,
  "USD/user": range(month.perUserUsd.from.toFixed(4), month.perUserUsd.to.toFixed(4)),
  "database GB": spanText(month.databaseGB),
  "images GB": spanText(month.imageGB),
  "traffic TB": spanText(month.trafficTB),
  "calls/day": spanText(month.apiCallsPerDay),
  "requests/s": spanText(month.requestsPerSecond),
  online: spanText(month.concurrentUsers),
  WebSockets: spanText(month.webSocketConnections),
  connections: spanText(month.databaseConnections),
  used: `${month.bottleneck === null ? "" : `${limitLabels[month.bottleneck]} `}${range(month.utilisationPercent.from.toFixed(0), month.utilisationPercent.to.toFixed(0))} %`,
});

export const moveSentences = (scenario: ScenarioForecast): readonly string[] =>
  scenario.moves.length === 0
    ? ["No move: the first stage lasts."]
    : scenario.moves.map(({ to, neededInMonth, latestMonth, because, decideByMonth }) => {
        const cause = because === null ? "" : ` (${limitLabels[because]})`;
        const decide = decideByMonth < 1 ? "before launch" : `by month ${decideByMonth}`;
        const until =
          latestMonth === null ? " at the earliest" : latestMonth === neededInMonth ? "" : ` to ${latestMonth}`;
        return `${stageLabels[to]} is needed in month ${neededInMonth}${until}${cause}: decide ${decide}`;
      });

const monthText = ({
  earliest,
  latest,
}: {
  readonly earliest: number | null;
  readonly latest: number | null;
}): string => {
  if (earliest === null) return "not yet";
  return latest === null ? `${earliest} or later` : range(String(earliest), String(latest));
};

export const limitHead = ["stage", "limit", "at", "80 % in month", "100 %"] as const;

/** When each limit of each stage would be reached if the stage were kept; limits without an end are left out. */
export const limitRows = (scenario: ScenarioForecast): readonly (readonly string[])[] =>
  scenario.limits.flatMap(({ stage, limit, at, source, reaches80, reaches100 }) =>
    at === null
      ? []
      : [
          [
            stageLabels[stage],
            limitLabels[limit],
            `${whole(at)}${source === "measured" ? " (measured)" : ""}`,
            monthText(reaches80),
            monthText(reaches100),
          ],
        ],
  );

export const successSentences = (scenario: ScenarioForecast): readonly string[] =>
  scenario.success.map(
    ({ metric, target, result, met }) => `${metric} ${target}: ${met ? "met" : "not met"}, ${result}`,
  );

export const savingSentences = (forecast: Forecast): readonly string[] =>
  forecast.savings.map(({ idea, promised, answer, monthlyNet }) => {
    const amount =
      monthlyNet === null ? "" : ` Saves ${cents(monthlyNet.eur)} EUR = ${cents(monthlyNet.usd)} USD a month.`;
    return `${idea}${promised === null ? "" : ` (promised: ${promised})`}: ${answer}${amount}`;
  });

export const assumptionSentences = (forecast: Forecast): readonly string[] =>
  forecast.assumptions.map(
    ({ what, from, to, unit, kind, source }) =>
      `${what}: ${range(String(from), String(to))} ${unit} (${kind}: ${source})`,
  );

export const scenarioTitle = (scenario: ScenarioForecast): string =>
  `${scenario.name}: ${scenario.source}, ${scenario.continuation}`;

export const basisSentence = ({ prices, leadTimeMonths }: Forecast): string =>
  `Prices of ${prices.at}, 1 EUR = ${prices.usdPerEur} USD, net of VAT. A stage is left when a limit is used by 80 % at the upper estimate; a move takes ${leadTimeMonths} months`;
