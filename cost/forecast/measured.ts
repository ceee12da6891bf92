import { z } from "zod";
import { type Ceilings, limitNames } from "../capacity/load.ts";
import { CommandError } from "../commands/io.ts";
import { readYaml } from "./scenarios.ts";
import { type StageName, stageNames } from "./stages.ts";

/** Capacity that was measured, by stage. It replaces the plan's limit of the same name. */
export type Measured = Partial<Readonly<Record<StageName, Partial<Record<keyof Ceilings, number>>>>>;

const limit = z.number().positive();

const stageSchema = z.strictObject({
  concurrentUsers: limit.optional(),
  requestsPerSecond: limit.optional(),
  databaseConnections: limit.optional(),
  webSocketConnections: limit.optional(),
  source: z.string().min(1).describe("Which load test, and when."),
});

const fileSchema = z.partialRecord(z.enum(stageNames), stageSchema);

/** Reads measured capacity: for each stage the limits a load test found, and which one it was. */
export function readMeasured(path: string): Measured {
  const result = fileSchema.safeParse(readYaml(path, "--measured"));
  if (!result.success) {
    throw new CommandError(`--measured: ${path} holds no measured limits:\n${z.prettifyError(result.error)}`);
  }
  return Object.fromEntries(
    Object.entries(result.data).map(([stage, { source: _source, ...limits }]) => [stage, limits]),
  );
}

/** A stage's limits with the measured ones in the plan's place. */
export function withMeasured(ceilings: Ceilings, measured: Measured[StageName]): Ceilings {
  if (measured === undefined) return ceilings;
  const entries = limitNames.map((name) => {
    const at = measured[name];
    return [name, at === undefined ? ceilings[name] : { at, source: "measured" }] as const;
  });
  return Object.fromEntries(entries) as Ceilings;
}
