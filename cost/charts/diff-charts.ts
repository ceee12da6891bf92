import { limitLabels } from "../capacity/load.ts";
import type { StackDiff } from "../schema/cost-diff.ts";
import { type Chart, palette } from "./render.ts";

const sides = ["before", "after"] as const;

const sideColors = { domain: [...sides], range: [palette.orange, palette.blue] };

const colors = {
  field: "side",
  type: "nominal",
  scale: sideColors,
  legend: { title: null, orient: "top", direction: "horizontal" },
};

/** Height of one row with its two bars, in pixels. */
const rowHeight = 36;

type PartRow = { readonly part: string; readonly side: string; readonly eur: number };

/** Parts of the bill that changed, on both sides; amounts are for drawing, not for sums. */
function partRows(diff: StackDiff): readonly PartRow[] {
  const parts = Map.groupBy(diff.lines, (line) => line.component);
  return [...parts].flatMap(([part, lines]) =>
    sides.flatMap((side) => {
      const present = lines.flatMap((line) => line[side] ?? []);
      if (diff[side] === null) return [];
      return [{ part, side, eur: present.reduce((sum, line) => sum + Number(line.monthlyNet.eur), 0) }];
    }),
  );
}

/** Monthly cost of the lines that changed, by part, before and after. Null when no line did. */
export function partsChart(diff: StackDiff): Chart | null {
  const values = partRows(diff);
  if (values.length === 0) return null;
  return {
    title: `${diff.stack}: what changed, EUR a month`,
    width: 560,
    height: { step: rowHeight / 2 },
    data: { values: [...values] },
    encoding: {
      y: { field: "part", type: "nominal", title: null, sort: null, scale: { paddingInner: 0.3 } },
      yOffset: { field: "side", sort: [...sides] },
      x: { field: "eur", type: "quantitative", title: "EUR a month, net", axis: { format: ",.0f", tickCount: 6 } },
    },
    layer: [
      {
        mark: { type: "bar" },
        encoding: {
          color: colors,
        },
      },
      {
        mark: { type: "text", align: "left", dx: 4 },
        encoding: { text: { field: "eur", type: "quantitative", format: ",.2f" } },
      },
    ],
  } as Chart;
}

/** Share of each limit that the expected users take, before and after. */
export function headroomChart(diff: StackDiff): Chart | null {
  const values = diff.headroom.flatMap(({ limit, before, after }) =>
    [
      { side: "before", use: before },
      { side: "after", use: after },
    ].flatMap(({ side, use }) =>
      use === null || use.usedPercent === null ? [] : [{ limit: limitLabels[limit], side, ...use.usedPercent }],
    ),
  );
  if (values.length === 0) return null;
  const rows = {
    y: { field: "limit", type: "nominal", title: null, sort: null, scale: { paddingInner: 0.3 } },
    yOffset: { field: "side", sort: [...sides] },
  };
  const title = "percent of the limit, solid to the lower and pale to the upper estimate";
  const upTo = (field: "from" | "to") => ({ field, type: "quantitative", title });
  return {
    title: `${diff.stack}: share of each limit at the expected users`,
    width: 560,
    height: { step: rowHeight / 2 },
    data: { values },
    layer: [
      { mark: { type: "bar", opacity: 0.4 }, encoding: { ...rows, x: upTo("to"), color: colors } },
      { mark: { type: "bar" }, encoding: { ...rows, x: upTo("from"), color: colors } },
      {
        mark: { type: "text", align: "left", dx: 4 },
        encoding: { ...rows, x: upTo("to"), text: { field: "to", type: "quantitative", format: ".0f" } },
      },
      rule(80, palette.orange),
      rule(100, palette.vermillion),
    ],
  } as Chart;
}

const rule = (at: number, color: string) => ({
  data: { values: [{ at, label: `${at} %` }] },
  layer: [
    { mark: { type: "rule", color, strokeDash: [4, 3] }, encoding: { x: { field: "at", type: "quantitative" } } },
    {
      mark: { type: "text", color, align: "left", dx: 3, dy: -6, baseline: "bottom" },
      encoding: { x: { field: "at", type: "quantitative" }, y: { value: 0 }, text: { field: "label" } },
    },
  ],
});
