/** `local down`, `status`, `reset`, `pulumi` and `env`. */
import { existsSync, readdirSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { localExports, pathPrefix } from "../engine/environment.ts";
import { Fault } from "../errors.ts";
import { pulumiHome, repoRoot } from "../paths.ts";
import type { Progress } from "../progress.ts";
import { type CloudEndpoints, runningCloud, stopCloud } from "./cloud.ts";
import { prepareToolchain, withLocal } from "./context.ts";
import { endAbandonedEngines } from "./engines.ts";
import { type Instance, passphraseOf } from "./instance.ts";
import { syncProject } from "./project.ts";
import { projectName } from "./stack.ts";
import { alone } from "./up.ts";

/** Stops the cloud; state stays, and the next `local up` goes on from it. */
export async function localDown(instance: Instance, progress: Progress): Promise<void> {
  await endAbandonedEngines(instance);
  const endpoints = await runningCloud(instance.cloudDir);
  if (endpoints === undefined) {
    progress.say(`The local cloud of instance ${instance.name} is not running.`);
    return;
  }
  await progress.step("Stopping the local cloud", () => stopCloud(endpoints));
}

/** Stops the cloud and forgets everything the instance holds. */
export async function localReset(instance: Instance, progress: Progress): Promise<void> {
  if (!existsSync(instance.dir)) return;
  await alone(instance, async () => {
    await localDown(instance, progress);
    rmSync(instance.dir, { recursive: true, force: true });
  });
  progress.say(`Instance ${instance.name} is as new.`);
}

/** Stacks with a state in the instance's backend (`.pulumi/stacks/<project>/<stack>.json`). */
function stacksOf(instance: Instance): readonly string[] {
  const folder = join(instance.backendDir, ".pulumi", "stacks", projectName);
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((name) => /^([^.]+)\.json$/.exec(name)?.[1] ?? []);
}

export async function localStatus(instance: Instance, json: boolean): Promise<void> {
  const running = await runningCloud(instance.cloudDir);
  const stacks = stacksOf(instance);
  if (json) {
    const cloud =
      running === undefined
        ? null
        : {
            pid: running.pid,
            startedAt: running.startedAt,
            machines: running.machines,
            hetzner: running.hetzner.endpoint,
            cloudflare: running.cloudflare.endpoint,
          };
    console.log(JSON.stringify({ instance: instance.name, cloud, stacks }, null, 2));
    return;
  }
  console.log(`Instance  ${instance.name}`);
  if (running === undefined) console.log("Cloud     not running");
  else {
    console.log(
      `Cloud     process ${running.pid}, since ${running.startedAt}, ${running.machines ? "with machines" : "API only"}`,
    );
    console.log(
      `          Hetzner     ${running.hetzner.endpoint}\n          Cloudflare  ${running.cloudflare.endpoint}`,
    );
  }
  console.log(`Stacks    ${stacks.join(", ") || "none"}`);
}

async function requireCloud(instance: Instance): Promise<CloudEndpoints> {
  const running = await runningCloud(instance.cloudDir);
  if (running !== undefined) return running;
  throw new Fault(`The local cloud of instance ${instance.name} is not running.`, ["start it: ./chitlaq local up"]);
}

/** Runs the real CLI in the instance's project, on the person's terminal. @returns its exit code. */
export async function localPulumi(instance: Instance, args: readonly string[], progress: Progress): Promise<number> {
  return withLocal(instance, progress, { machines: false }, async (local) => {
    const ended = await local.pulumi(args, { stdio: "inherit" });
    return ended.code ?? 1;
  });
}

const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`;

/** Prints the exports for `eval "$(./chitlaq local env)"`. */
export async function localEnv(instance: Instance, progress: Progress): Promise<void> {
  const endpoints = await requireCloud(instance);
  syncProject(instance, repoRoot);
  const { pulumi } = (await prepareToolchain(progress)).engine;
  const { backendDir } = instance;
  const variables = localExports({ endpoints, pulumi, pulumiHome, backendDir, passphrase: passphraseOf(instance) });
  for (const [name, value] of Object.entries(variables)) console.log(`export ${name}=${quoted(value)}`);
  console.log(`export PATH=${quoted(pathPrefix(pulumi).join(delimiter))}${delimiter}"$PATH"`);
}
