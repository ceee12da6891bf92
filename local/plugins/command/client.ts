/** What the definitions of this package work with. */

import type { Environment } from "../core/spec.ts";
import type { Properties } from "../core/values.ts";
import type { Logging, Printed, Show } from "./output.ts";

export type CommandClient = {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  readonly show: Show;
  /** Outputs of the runs of this process by resource id: nothing else remembers them until they are in state. */
  readonly outputs: Map<string, Properties>;
};

/** One command to run. */
export type Job = {
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stdin: string;
  readonly logging: Logging;
};

/** Runs a job to its end. Rejects, with everything it printed, unless it ends with 0. */
export type Run = (client: CommandClient, inputs: Properties, job: Job) => Promise<Printed>;
