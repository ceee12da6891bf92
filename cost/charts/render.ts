import { parse, View } from "vega";
import { compile, type TopLevelSpec } from "vega-lite";

/**
 * Charts as SVG text, without a browser: the same text for the same data.
 *
 * Colours are Okabe and Ito's, which people with any common colour vision tell apart (jfly.uni-koeln.de/color). Charts
 * stand on white, so that they read the same in a dark page.
 */
export const palette = {
  blue: "#0072B2",
  orange: "#E69F00",
  green: "#009E73",
  vermillion: "#D55E00",
  sky: "#56B4E9",
  purple: "#CC79A7",
  yellow: "#F0E442",
  grey: "#999999",
  ink: "#222222",
  faint: "#DDDDDD",
} as const;

const font = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";

const config = {
  background: "white",
  padding: 12,
  font,
  view: { stroke: null },
  title: { anchor: "start", fontSize: 15, fontWeight: 600, color: palette.ink, offset: 14 },
  axis: {
    labelColor: palette.ink,
    titleColor: palette.ink,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
    gridColor: palette.faint,
    domainColor: palette.grey,
    tickColor: palette.grey,
    labelLimit: 240,
  },
  legend: { labelFontSize: 12, titleFontSize: 12, labelColor: palette.ink, titleColor: palette.ink },
  text: { fontSize: 12, color: palette.ink },
} as const;

export type Chart = Omit<TopLevelSpec, "$schema" | "config">;

/** Draws a chart. */
export async function renderSvg(chart: Chart): Promise<string> {
  const spec = { ...chart, config } as TopLevelSpec;
  const view = new View(parse(compile(spec).spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}
