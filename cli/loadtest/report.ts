/** What a load test prints. */
import Table from "cli-table3";
import { requestsPerSecondPerClient } from "../../plan/edge.ts";
import { fewestCalls, type Figures, type KindFigures, lagLimitMs, type Threshold } from "./figures.ts";
import { mix } from "./mix.ts";

const ms = (value: number | null): string => (value === null ? "" : `${value} ms`);

const reasonText = ({ reasons }: KindFigures): string =>
  Object.entries(reasons)
    .toSorted(([, a], [, b]) => b - a)
    .map(([reason, count]) => `${count} × ${reason}`)
    .join(", ");

const verdict = (met: boolean | null): string => (met === null ? "open  " : met ? "met   " : "MISSED");

const thresholdText = ({ what, measured, limit, unit, met, source }: Threshold): string => {
  const value = measured === null ? "no answer" : `${measured} ${unit}`;
  const why = met === null ? `fewer than ${fewestCalls} calls` : source;
  return `${verdict(met)}  ${what}: ${value} of ${limit} ${unit} (${why})`;
};

/** What makes the figures say less than they seem to. */
function cautions(figures: Figures): readonly string[] {
  const limited = figures.kinds.some(({ reasons }) => reasons["status 429"] !== undefined);
  return [
    ...(figures.generatorLagMs > lagLimitMs
      ? [
          `This host was ${figures.generatorLagMs} ms late (p95) with its own calls: the figures are its limit, not the platform's.`,
        ]
      : []),
    ...(limited
      ? [
          `Status 429: the platform lets one client address make ${requestsPerSecondPerClient} calls a second; use a lower --rate or more addresses (--from).`,
        ]
      : []),
  ];
}

/** @param target what was tested. */
export function report(target: string, users: number, figures: Figures): string {
  const table = new Table({
    head: ["kind", "share", "calls", "failed", "p50", "p95", "p99", "max", "why failed"],
    colAligns: ["left", "right", "right", "right", "right", "right", "right", "right", "left"],
    style: { head: [], border: [] },
  });
  for (const kind of figures.kinds) {
    table.push([
      kind.kind,
      `${(mix[kind.kind].share * 100).toFixed(1)} %`,
      kind.calls,
      kind.errors,
      ms(kind.p50Ms),
      ms(kind.p95Ms),
      ms(kind.p99Ms),
      ms(kind.maxMs),
      reasonText(kind),
    ]);
  }
  return [
    `${target}: ${users} users, ${figures.rate} calls a second for ${figures.seconds} s, ${figures.achieved} a second answered`,
    table.toString(),
    ...figures.thresholds.map(thresholdText),
    ...cautions(figures),
  ].join("\n");
}
