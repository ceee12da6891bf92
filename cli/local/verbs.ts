/** `local down`, `status`, `reset` and `env`. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { localExports } from "../engine/environment.ts";
import { Fault } from "../errors.ts";
import { pulumiHome, repoRoot } from "../paths.ts";
import type { Progress } from "../progress.ts";
import { runningCloud, stopCloud } from "./cloud.ts";
import { dialSocketOf, prepareToolchain } from "./context.ts";
import { endAbandonedEngines } from "./engines.ts";
import { type Instance, passphraseOf } from "./instance.ts";
import { listInstances, stacksOf } from "./instances.ts";
import { syncProject } from "./project.ts";
import { machineLines, type MachineReport, machineReports } from "./machines.ts";
import { projectName } from "./stack.ts";
import { alone } from "./up.ts";

/** @returns false when there was nothing to stop. */
async function stopInstance(instance: Instance, progress: Progress): Promise<boolean> {
  await endAbandonedEngines(instance);
  const endpoints = await runningCloud(instance.cloudDir);
  if (endpoints === undefined) return false;
  await progress.step(`Stopping the local cloud ${instance.name}`, () => stopCloud(endpoints));
  return true;
}

/** Stops the clouds; their state stays, and the next `local up` goes on from it. */
export async function localDown(instances: readonly Instance[], progress: Progress): Promise<void> {
  let stopped = 0;
  for (const instance of instances) {
    if (await alone(instance, () => stopInstance(instance, progress))) stopped += 1;
  }
  if (stopped === 0) progress.say("No local cloud is running.");
}

/** Stops the clouds and forgets everything they and their stacks hold. */
export async function localReset(instances: readonly Instance[], progress: Progress): Promise<void> {
  for (const instance of instances) {
    await alone(instance, async () => {
      await stopInstance(instance, progress);
      rmSync(instance.dir, { recursive: true, force: true });
    });
    progress.say(`${instance.name} is forgotten.`);
  }
  if (instances.length === 0) progress.say("There is nothing to forget.");
}

export type InstanceStatus = {
  readonly instance: string;
  readonly cloud: {
    readonly pid: number;
    readonly startedAt: string;
    readonly machines: boolean;
    readonly hetzner: string;
    readonly cloudflare: string;
  } | null;
  readonly machines: readonly MachineReport[];
  readonly stacks: readonly string[];
};

async function statusOf(instance: Instance): Promise<InstanceStatus> {
  const running = await runningCloud(instance.cloudDir);
  const stacks = stacksOf(instance, projectName);
  if (running === undefined) return { instance: instance.name, cloud: null, machines: [], stacks };
  const { pid, startedAt, machines, hetzner, cloudflare } = running;
  return {
    instance: instance.name,
    cloud: { pid, startedAt, machines, hetzner: hetzner.endpoint, cloudflare: cloudflare.endpoint },
    machines: machines ? machineReports(instance) : [],
    stacks,
  };
}

function statusLines({ instance, cloud, machines, stacks }: InstanceStatus): readonly string[] {
  const state =
    cloud === null
      ? ["  cloud       not running"]
      : [
          `  cloud       process ${cloud.pid} since ${cloud.startedAt}, ${cloud.machines ? "with machines" : "API only"}`,
          `  Hetzner     ${cloud.hetzner}`,
          `  Cloudflare  ${cloud.cloudflare}`,
        ];
  const booted = machines.length === 0 ? [] : ["  machines", ...machineLines(machines)];
  return [instance, ...state, `  stacks      ${stacks.join(", ") || "none"}`, ...booted];
}

/** What runs and where. Tokens are not shown; `local env` gives them. */
export async function localStatus(instances: readonly Instance[], json: boolean): Promise<void> {
  const found = await Promise.all(instances.map(statusOf));
  if (json) console.log(JSON.stringify(found, null, 2));
  else if (found.length === 0) console.log("No local cloud was ever started here.");
  else console.log(found.map((status) => statusLines(status).join("\n")).join("\n"));
}

/** The instances a verb means: the one named, or all. */
export async function namedOrAll(name: string | undefined): Promise<readonly Instance[]> {
  if (name === undefined) return listInstances();
  const { instanceNamed } = await import("./instance.ts");
  return [instanceNamed(name)];
}

const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

/**
 * A `pulumi` for the person's PATH. Inside this repository it works in the instance's project: an engine that runs on
 * the committed stack files writes its salt into them, even when it knows it from the state (tried with 3.250).
 * @returns the folder that holds it.
 */
function writePulumiShim(instance: Instance, pulumi: string): string {
  const bin = join(instance.dir, "bin");
  mkdirSync(bin, { recursive: true });
  const lines = [
    "#!/bin/sh",
    `case $PWD/ in ${quoted(repoRoot)}/*) exec ${quoted(pulumi)} -C ${quoted(instance.projectDir)} "$@" ;; esac`,
    `exec ${quoted(pulumi)} "$@"`,
    "",
  ];
  writeFileSync(join(bin, "pulumi"), lines.join("\n"), { mode: 0o755 });
  return bin;
}

/** Prints the exports for `eval "$(./chitlaq local env)"`. */
export async function localEnv(instance: Instance, progress: Progress): Promise<void> {
  const endpoints = await runningCloud(instance.cloudDir);
  if (endpoints === undefined) {
    throw new Fault(`The local cloud ${instance.name} is not running.`, ["start it: ./chitlaq local up"]);
  }
  syncProject(instance, repoRoot);
  const { pulumi } = (await prepareToolchain(progress)).engine;
  const { backendDir } = instance;
  const passphrase = passphraseOf(instance);
  const dialSocket = dialSocketOf(instance, endpoints);
  const variables = localExports({ endpoints, pulumi, pulumiHome, backendDir, passphrase, dialSocket });
  const [stack, ...others] = stacksOf(instance, projectName);
  const chosen = stack !== undefined && others.length === 0 ? { PULUMI_STACK: stack } : {};
  for (const [name, value] of Object.entries({ ...variables, ...chosen })) {
    console.log(`export ${name}=${quoted(value)}`);
  }
  const path = [writePulumiShim(instance, pulumi), dirname(process.execPath)].join(delimiter);
  console.log(`export PATH=${quoted(path)}${delimiter}"$PATH"`);
}
