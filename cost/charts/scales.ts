import type { Forecast } from "../schema/forecast.ts";
import { palette } from "./render.ts";

/** What the charts of a forecast share: one width, one axis of months, one colour a name. */

export const width = 640;

export const scenarioColors = [palette.blue, palette.orange, palette.green, palette.purple];

/** Room for the labels at the right end of the lines. */
const labelRoom = 4;

export const lastMonth = (forecast: Forecast): number =>
  Math.max(...forecast.scenarios.flatMap(({ months }) => months.map(({ month }) => month)));

export const monthAxis = (last: number) => ({
  field: "month",
  type: "quantitative",
  title: "month after launch",
  scale: { domain: [1, last + labelRoom], nice: false },
  axis: {
    tickMinStep: 1,
    values: Array.from({ length: last }, (_, index) => index + 1).filter((month) => month === 1 || month % 3 === 0),
    grid: false,
  },
});

/** One small chart under the other, in the order of the scenarios. */
export const scenarioRow = (forecast: Forecast) => ({
  field: "name",
  type: "nominal",
  title: null,
  sort: forecast.scenarios.map(({ name }) => name),
  header: { labelAngle: 0, labelAnchor: "start", labelOrient: "top", labelFontSize: 13, labelFontWeight: 600 },
});

export const colorBy = (field: string, domain: readonly string[], range: readonly string[]) => ({
  field,
  type: "nominal",
  scale: { domain, range },
  legend: null,
});
