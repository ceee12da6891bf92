/** Which instances there are, and which one a command means when it does not say. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "../paths.ts";
import { type CloudEndpoints, runningCloud } from "./cloud.ts";
import { type Instance, instanceNamed } from "./instance.ts";

/** What every verb means when no stack is named. */
export const defaultStack = "phase2";

const root = join(cacheDir, "local");

/** Instances with a folder, sorted by name. */
export function listInstances(): readonly Instance[] {
  if (!existsSync(root)) return [];
  const folders = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.map(({ name }) => instanceNamed(name)).sort((a, b) => (a.name < b.name ? -1 : 1));
}

export type RunningInstance = { readonly instance: Instance; readonly endpoints: CloudEndpoints };

export async function runningInstances(): Promise<readonly RunningInstance[]> {
  const found: RunningInstance[] = [];
  for (const instance of listInstances()) {
    const endpoints = await runningCloud(instance.cloudDir);
    if (endpoints !== undefined) found.push({ instance, endpoints });
  }
  return found;
}

/** Stacks with a state in the instance's backend (`.pulumi/stacks/<project>/<stack>.json`). */
export function stacksOf(instance: Instance, project: string): readonly string[] {
  const folder = join(instance.backendDir, ".pulumi", "stacks", project);
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .flatMap((name) => /^([^.]+)\.json$/.exec(name)?.[1] ?? [])
    .sort();
}

/** `--stack phase3`, `--stack=phase3`, `-s phase3` or `-sphase3` among arguments of pulumi. */
export function stackArgument(args: readonly string[]): string | undefined {
  for (const [index, arg] of args.entries()) {
    if (arg === "--stack" || arg === "-s") return args[index + 1];
    const [, value] = /^(?:--stack=|-s=?)(.+)$/.exec(arg) ?? [];
    if (value !== undefined) return value;
  }
  return undefined;
}

/**
 * The instance a command means: the one named, else the one of its stack, else the only one that runs, else the one of
 * the default stack. A stack has an instance of its own because two stacks cannot share an account: SSH keys are unique
 * in a Hetzner project and entry-point rulesets in a Cloudflare zone.
 */
export async function chooseInstance(named: string | undefined, stack: string | undefined): Promise<Instance> {
  const name = named ?? stack;
  if (name !== undefined) return instanceNamed(name);
  const running = await runningInstances();
  const [only] = running;
  return only !== undefined && running.length === 1 ? only.instance : instanceNamed(defaultStack);
}
