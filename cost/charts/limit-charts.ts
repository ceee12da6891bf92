import { limitLabels, type LimitName } from "../capacity/load.ts";
import { stageLabels, stageNames } from "../forecast/stages.ts";
import { thousands } from "../format/rows.ts";
import type { Forecast, ForecastMonth, ScenarioForecast } from "../schema/forecast.ts";
import { type Chart, palette } from "./render.ts";
import { colorBy, lastMonth, monthAxis, scenarioRow, width } from "./scales.ts";

const shownLimits = {
  concurrentUsers: palette.orange,
  webSocketConnections: palette.blue,
  databaseConnections: palette.vermillion,
  requestsPerSecond: palette.sky,
} as const satisfies Partial<Record<LimitName, string>>;

const usedPercent = (scenario: ScenarioForecast, month: ForecastMonth, limit: keyof typeof shownLimits): number => {
  const ceiling = scenario.limits.find((entry) => entry.stage === month.stage && entry.limit === limit)?.at;
  return ceiling === null || ceiling === undefined ? 0 : (month[limit].to / ceiling) * 100;
};

/** How much of each limit of the current stage is used, at the upper estimate. */
export function headroomChart(forecast: Forecast): Chart {
  const last = lastMonth(forecast);
  const limits = Object.keys(shownLimits) as (keyof typeof shownLimits)[];
  const values = forecast.scenarios.flatMap((scenario) =>
    scenario.months.flatMap((month) =>
      limits.map((limit) => ({
        name: scenario.name,
        month: month.month,
        limit: limitLabels[limit],
        used: Math.min(150, usedPercent(scenario, month, limit)),
      })),
    ),
  );
  const color = colorBy(
    "limit",
    limits.map((limit) => limitLabels[limit]),
    Object.values(shownLimits),
  );
  const y = {
    field: "used",
    type: "quantitative",
    title: "percent of the limit",
    scale: { domain: [0, 150], clamp: true },
  };
  const legend = {
    title: null,
    orient: "top",
    direction: "horizontal",
    labelLimit: 0,
    symbolType: "stroke",
    symbolStrokeWidth: 4,
  };
  // Two pairs of limits are used alike in phases 2 and 3: thin dashes over thick lines show both.
  const line = (shown: readonly (keyof typeof shownLimits)[], mark: object) => ({
    transform: [{ filter: { field: "limit", oneOf: shown.map((limit) => limitLabels[limit]) } }],
    mark: { type: "line", ...mark },
    encoding: { x: monthAxis(last), y, color: { ...color, legend } },
  });
  const rule = (at: number) => ({
    mark: { type: "rule", color: palette.grey, strokeDash: at === 100 ? [1, 0] : [4, 3] },
    encoding: { y: { datum: at } },
  });
  return {
    title: "Use of each limit in the stage of the month, at the upper estimate (cut off at 150 %)",
    data: { values },
    facet: { row: scenarioRow(forecast) },
    spec: {
      width,
      height: 150,
      layer: [
        rule(80),
        rule(100),
        line(["concurrentUsers", "requestsPerSecond"], { strokeWidth: 5 }),
        line(["webSocketConnections", "databaseConnections"], { strokeWidth: 2, strokeDash: [6, 3] }),
      ],
    },
  } as unknown as Chart;
}

const partColors = {
  network: palette.grey,
  server: palette.sky,
  "load-balancer": palette.yellow,
  api: palette.blue,
  database: palette.vermillion,
  redis: palette.orange,
  k3s: palette.green,
  edge: palette.purple,
  backups: "#8C6D31",
  storage: "#5C5C5C",
  traffic: palette.ink,
} as const;

/** Cost of each stage by part, at its expected users, with its budget. */
export function partsChart(forecast: Forecast): Chart {
  const order = stageNames.map((name) => stageLabels[name]);
  const values = forecast.stages.flatMap(({ stage, parts }) => {
    let start = 0;
    return parts.map(({ component, monthlyNet }) => {
      const from = start;
      start += Number(monthlyNet.usd);
      return {
        stage: stageLabels[stage],
        part: component,
        from,
        to: start,
      };
    });
  });
  const totals = forecast.stages.map(({ stage, monthlyNet, budgetUsd }) => ({
    stage: stageLabels[stage],
    usd: Number(monthlyNet.usd),
    budget: budgetUsd,
    label: `${thousands(Math.round(Number(monthlyNet.usd)))} of ${thousands(budgetUsd)}`,
  }));
  const used = Object.keys(partColors).filter((part) => values.some((value) => value.part === part));
  const y = { field: "stage", type: "nominal", title: null, sort: order };
  const x = {
    type: "quantitative",
    title: "USD a month, net, at the stage's expected users",
    axis: { format: ",.0f", tickCount: 6 },
  };
  return {
    title: "Cost of each stage by part; the mark is its budget",
    width,
    height: { step: 54 },
    layer: [
      {
        data: { values },
        mark: { type: "bar", stroke: "white", strokeWidth: 1, height: 30 },
        encoding: {
          y,
          x: { ...x, field: "from" },
          x2: { field: "to" },
          color: {
            field: "part",
            type: "nominal",
            scale: { domain: used, range: used.map((part) => partColors[part as keyof typeof partColors]) },
            legend: { title: null, orient: "top", direction: "horizontal", columns: 6 },
          },
        },
      },
      {
        data: { values: totals },
        mark: { type: "tick", color: palette.ink, thickness: 3, size: 40 },
        encoding: { y, x: { ...x, field: "budget" } },
      },
      {
        data: { values: totals },
        mark: { type: "text", align: "left", dx: 8, fontWeight: 600 },
        encoding: { y, x: { ...x, field: "budget" }, text: { field: "label" } },
      },
    ],
  } as unknown as Chart;
}
