import { stageLabels, stageNames } from "../forecast/stages.ts";
import type { Forecast, ScenarioForecast } from "../schema/forecast.ts";
import { headroomChart, partsChart } from "./limit-charts.ts";
import { type Chart, palette } from "./render.ts";
import { colorBy, lastMonth, monthAxis, scenarioColors, scenarioRow, width } from "./scales.ts";

/** Numbers here are drawn, never added up: the exact amounts stand in the tables. */

/** Users of every scenario over time, with the bounds of the plan's phases. */
function usersChart(forecast: Forecast): Chart {
  const last = lastMonth(forecast);
  const names = forecast.scenarios.map(({ name }) => name);
  const values = forecast.scenarios.flatMap(({ name, months }) =>
    months.map(({ month, users }) => ({ name, month, from: Math.max(1, users.from), to: Math.max(1, users.to) })),
  );
  const color = colorBy("name", names, scenarioColors);
  const scale = { type: "log", domain: [1_000, Math.max(...values.map(({ to }) => to)) * 1.3], nice: false };
  return {
    title: "Users over time: lower and upper estimate",
    width,
    height: 320,
    data: { values },
    layer: [
      {
        mark: { type: "area", opacity: 0.25 },
        encoding: {
          x: monthAxis(last),
          y: { field: "from", type: "quantitative", title: "users (logarithmic)", scale, axis: { format: "~s" } },
          y2: { field: "to" },
          color,
        },
      },
      ...(["from", "to"] as const).map((end) => ({
        mark: { type: "line", strokeWidth: 2 },
        encoding: { x: monthAxis(last), y: { field: end, type: "quantitative" }, color },
      })),
      {
        transform: [{ filter: `datum.month === ${last}` }],
        mark: { type: "text", align: "left", dx: 6, fontWeight: 600 },
        encoding: { x: monthAxis(last), y: { field: "to", type: "quantitative" }, text: { field: "name" }, color },
      },
      ...[
        { users: 10_000, label: "phase 2 from 10,000" },
        { users: 100_000, label: "phase 3 from 100,000" },
      ].map((bound) => ({
        data: { values: [bound] },
        layer: [
          {
            mark: { type: "rule", color: palette.grey, strokeDash: [4, 3] },
            encoding: { y: { field: "users", type: "quantitative" } },
          },
          {
            mark: { type: "text", align: "right", baseline: "top", dx: -4, dy: 3, color: "#666666" },
            encoding: { x: { value: width }, y: { field: "users", type: "quantitative" }, text: { field: "label" } },
          },
        ],
      })),
    ],
  } as unknown as Chart;
}

/** Monthly cost and budget of each scenario. */
function costChart(forecast: Forecast): Chart {
  const last = lastMonth(forecast);
  const values = forecast.scenarios.flatMap(({ name, months }) =>
    months.map((month) => ({
      name,
      month: month.month,
      from: Number(month.monthlyNet.from.usd),
      to: Number(month.monthlyNet.to.usd),
      budget: month.budgetUsd,
    })),
  );
  const y = (field: string) => ({
    field,
    type: "quantitative",
    title: "USD a month, net",
    axis: { format: ",.0f", tickCount: 4 },
  });
  const label = (field: string, text: string, color: string) => ({
    transform: [{ filter: `datum.month === ${last}` }],
    mark: { type: "text", align: "left", dx: 6, color },
    encoding: { x: monthAxis(last), y: y(field), text: { value: text } },
  });
  return {
    title: "Cost over time against the budget of the phase",
    data: { values },
    facet: { row: scenarioRow(forecast) },
    spec: {
      width,
      height: 130,
      layer: [
        {
          mark: { type: "area", interpolate: "step-after", opacity: 0.3, color: palette.blue },
          encoding: { x: monthAxis(last), y: y("from"), y2: { field: "to" } },
        },
        {
          mark: { type: "line", interpolate: "step-after", color: palette.blue, strokeWidth: 2 },
          encoding: { x: monthAxis(last), y: y("to") },
        },
        {
          mark: { type: "line", interpolate: "step-after", color: palette.blue, strokeWidth: 1 },
          encoding: { x: monthAxis(last), y: y("from") },
        },
        {
          mark: { type: "line", interpolate: "step-after", color: palette.vermillion, strokeDash: [5, 3] },
          encoding: { x: monthAxis(last), y: y("budget") },
        },
        label("budget", "budget", palette.vermillion),
        label("to", "cost", palette.blue),
      ],
    },
  } as unknown as Chart;
}

const stageColors = [palette.sky, palette.blue, palette.orange, palette.vermillion];

type Strip = { readonly name: string; readonly stage: string; readonly from: number; readonly to: number };

/** Consecutive months in one stage. */
function strips({ name, months }: ScenarioForecast): readonly Strip[] {
  const done: Strip[] = [];
  for (const { month, stage } of months) {
    const previous = done.at(-1);
    if (previous?.stage === stageLabels[stage]) done[done.length - 1] = { ...previous, to: month + 1 };
    else done.push({ name, stage: stageLabels[stage], from: month, to: month + 1 });
  }
  return done;
}

/** Which stage each scenario needs when, at the upper estimate. */
function stagesChart(forecast: Forecast): Chart {
  const last = lastMonth(forecast);
  const values = forecast.scenarios.flatMap(strips);
  const x = {
    field: "from",
    type: "quantitative",
    title: "month after launch",
    scale: { domain: [1, last + 1], nice: false },
    axis: { tickMinStep: 1, grid: false },
  };
  const row = { field: "name", type: "nominal", title: null, sort: null };
  return {
    title: "Stage that is needed, at the upper estimate",
    width,
    height: { step: 46 },
    data: { values },
    layer: [
      {
        mark: { type: "bar", stroke: "white", strokeWidth: 2, height: 30 },
        encoding: {
          x,
          x2: { field: "to" },
          y: row,
          color: {
            ...colorBy(
              "stage",
              stageNames.map((name) => stageLabels[name]),
              stageColors,
            ),
            legend: { title: null, orient: "top", direction: "horizontal" },
          },
        },
      },
      {
        transform: [{ filter: "datum.to - datum.from >= 3" }],
        mark: { type: "text", align: "left", dx: 8, fontWeight: 600, color: palette.ink },
        encoding: { x, y: row, text: { field: "stage" } },
      },
    ],
  } as unknown as Chart;
}

/** Every picture of a forecast by file name. */
export const forecastPictures = (forecast: Forecast): Readonly<Record<string, Chart>> => ({
  "forecast-users": usersChart(forecast),
  "forecast-cost": costChart(forecast),
  "forecast-stages": stagesChart(forecast),
  "forecast-headroom": headroomChart(forecast),
  "forecast-parts": partsChart(forecast),
});
