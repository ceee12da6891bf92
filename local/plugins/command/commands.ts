/** `command:remote:Command` and `command:local:Command`: the same life, run in different places. */

import { randomBytes } from "node:crypto";
import { compact, inputsView } from "../core/json.ts";
import {
  type Fault,
  flag,
  list,
  oneOf,
  type PropertyTable,
  type ResourceDefinition,
  STRING,
  text,
  textMap,
} from "../core/spec.ts";
import type { Properties } from "../core/values.ts";
import type { CommandClient, Job, Run } from "./client.ts";
import { connectionProperty } from "./connection.ts";
import { runHere } from "./here.ts";
import type { Logging } from "./output.ts";
import { runRemotely } from "./remote.ts";

/** The SDK asks for a replacement when one of them changes (`replaceOnChanges: triggers[*]`), with and without `update`. */
export const triggers = list("optional", { kind: "any" }, { replace: true });

const common: PropertyTable = {
  create: text("optional"),
  update: text("optional"),
  delete: text("optional"),
  triggers,
  stdin: text("optional"),
  logging: oneOf("optional", ["stdout", "stderr", "stdoutAndStderr", "none"]),
  environment: textMap("optional"),
  addPreviousOutputInEnv: flag("optional"),
  stdout: text("computed"),
  stderr: text("computed"),
};

/** Eight hexadecimal digits, as the official plugin makes them. */
export const newId = (): string => randomBytes(4).toString("hex");

const strings = (values: Properties): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, String(value)]));

const previousOutput = (inputs: Properties, state: Properties): Readonly<Record<string, string>> =>
  inputs.addPreviousOutputInEnv === false
    ? {}
    : strings(
        compact({
          PULUMI_COMMAND_STDOUT: state.stdout === "" ? undefined : state.stdout,
          PULUMI_COMMAND_STDERR: state.stderr === "" ? undefined : state.stderr,
        }),
      );

const jobOf = (command: string, inputs: Properties, state: Properties): Job => {
  const view = inputsView(inputs);
  const own = view.at("environment");
  return {
    command,
    environment: { ...(own.present ? strings(own.object()) : {}), ...previousOutput(inputs, state) },
    stdin: view.at("stdin").stringOr(""),
    logging: view.at("logging").stringOr("stdoutAndStderr") as Logging,
  };
};

const none: Properties = { stdout: "", stderr: "" };

const outputsOf = (properties: Properties): Properties => ({
  stdout: properties.stdout ?? "",
  stderr: properties.stderr ?? "",
});

/** Runs one of the resource's commands; without one, the outputs stay what they were. */
const perform = async (
  run: Run,
  client: CommandClient,
  command: "create" | "update" | "delete",
  { inputs, state }: { readonly inputs: Properties; readonly state: Properties },
): Promise<Properties> => {
  const chosen = inputsView(inputs).at(command);
  return chosen.present
    ? outputsOf(await run(client, inputs, jobOf(chosen.string(), inputs, state)))
    : outputsOf(state);
};

type Place = {
  readonly token: string;
  readonly properties: PropertyTable;
  readonly contradictions?: (inputs: Properties) => readonly Fault[];
};

const command = ({ token, properties, ...more }: Place, run: Run): ResourceDefinition<CommandClient> => ({
  token,
  properties,
  ...more,
  create: async (client, inputs, created) => {
    const outputs = await perform(run, client, "create", { inputs, state: none });
    const id = newId();
    client.outputs.set(id, outputs);
    created(id);
  },
  // Nobody can look at a command afterwards: it is what it was.
  read: (client, id, known) =>
    Promise.resolve(
      known.create === undefined &&
        known.update === undefined &&
        known.delete === undefined &&
        known.stdout === undefined
        ? undefined
        : { ...known, ...outputsOf(client.outputs.get(id) ?? known) },
    ),
  update: async (client, { id, inputs, state }) => {
    const which = inputs.update === undefined ? "create" : "update";
    client.outputs.set(id, await perform(run, client, which, { inputs, state }));
  },
  failsWhole: true,
  remove: async (client, _id, state) => {
    await perform(run, client, "delete", { inputs: state, state });
  },
});

export const remoteCommand = command(
  { token: "command:remote:Command", properties: { ...common, connection: connectionProperty } },
  runRemotely,
);

export const localCommand = command(
  {
    token: "command:local:Command",
    properties: {
      ...common,
      interpreter: list("optional", STRING),
      dir: text("optional"),
      assetPaths: list("optional", STRING),
      archivePaths: list("optional", STRING),
    },
    contradictions: (inputs) =>
      ["assetPaths", "archivePaths"]
        .filter((property) => inputs[property] !== undefined)
        .map((property) => ({
          property,
          reason: `${property}: the stand-in command plugin returns no files; install the official plugin for that`,
        })),
  },
  runHere,
);
