/** Writes a measured limit into a file for `forecast --measured`. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { parse, stringify } from "yaml";
import { type StageName, stageNames } from "../../cost/forecast/stages.ts";
import { readMeasured } from "../../cost/forecast/measured.ts";
import { Fault } from "../errors.ts";
import type { Figures } from "./figures.ts";

export function checkStage(given: string | undefined): StageName {
  const found = stageNames.find((name) => name === given);
  if (found !== undefined) return found;
  throw new Fault(`--stage: ${given ?? "none"} given, a measured limit belongs to a stage of the forecast`, [
    `use one of ${stageNames.join(", ")}`,
  ]);
}

export type Point = {
  readonly stage: StageName;
  readonly figures: Figures;
  readonly target: string;
  readonly day: string;
};

/** Puts the point in place of an older one of the same stage; other stages stay. */
export function writeMeasured(file: string, { stage, figures, target, day }: Point): void {
  if (existsSync(file)) readMeasured(file);
  const known = existsSync(file) ? (parse(readFileSync(file, "utf8")) as Readonly<Record<string, object>>) : {};
  const before = known[stage] ?? {};
  const source = `./chitlaq loadtest ${target} on ${day}: the last rate that met every threshold, ${figures.seconds} s`;
  const entry = { ...before, requestsPerSecond: figures.requestsPerSecond, source };
  writeFileSync(file, stringify({ ...known, [stage]: entry }, { lineWidth: 0 }));
}
