/** Opens a stack's secrets: the real stack with the person's own backend, or a local cloud's copy of it. */
import { delimiter } from "node:path";
import { requiredSecrets } from "../../ops/render/machine.ts";
import { pathPrefix } from "../engine/environment.ts";
import { resolveEngine } from "../engine/resolve.ts";
import { Fault } from "../errors.ts";
import { impatience, interruption } from "../interrupt.ts";
import { runningCloud } from "../local/cloud.ts";
import { localOf, prepareToolchain, search } from "../local/context.ts";
import { type Instance, makeFolders } from "../local/instance.ts";
import { requireStack, syncProject } from "../local/project.ts";
import { ensureStack } from "../local/stack.ts";
import { repoRoot } from "../paths.ts";
import { run } from "../process/run.ts";
import type { Progress } from "../progress.ts";
import { stackPlan } from "../stack-plan.ts";
import type { SignOrigin } from "./make.ts";
import { cloudflareAccess, signAtCloudflare } from "./originCa.ts";
import { SecretStore } from "./store.ts";
import { type Wanted, wantedSecrets } from "./wanted.ts";

export type Secrets = {
  readonly stack: string;
  readonly store: SecretStore;
  readonly wanted: readonly Wanted[];
  /** Undefined when nobody the edge trusts can be asked. */
  readonly signOrigin: SignOrigin | undefined;
};

/** The stack of this repository, with the backend, the login and the passphrase of the environment. */
export async function openSecrets(stack: string, progress: Progress): Promise<Secrets> {
  requireStack(repoRoot, stack);
  const plan = await stackPlan(stack, undefined);
  const { pulumi } = await resolveEngine(search, progress);
  const env = { ...process.env, PATH: [...pathPrefix(pulumi), process.env.PATH ?? ""].join(delimiter) };
  const store = new SecretStore(stack, (args, options) =>
    run(pulumi, args, { cwd: repoRoot, env, signal: interruption, killSignal: impatience, ...options }),
  );
  const access = cloudflareAccess(process.env);
  const signOrigin = access === undefined ? undefined : signAtCloudflare(access, interruption);
  return { stack, store, wanted: wantedSecrets(plan, requiredSecrets), signOrigin };
}

/** A local cloud's copy of the stack. The cloud must run: its Cloudflare signs the origin's certificate. */
export async function openLocalSecrets(stack: string, instance: Instance, progress: Progress): Promise<Secrets> {
  requireStack(repoRoot, stack);
  makeFolders(instance);
  const endpoints = await runningCloud(instance.cloudDir);
  if (endpoints === undefined) {
    throw new Fault(`The local cloud ${instance.name} is not running.`, [`start it: ./chitlaq local up ${stack}`]);
  }
  syncProject(instance, repoRoot);
  const local = localOf(instance, endpoints, await prepareToolchain(progress));
  await ensureStack(local, stack);
  const { localSecrets } = await import("./local.ts");
  return await localSecrets(local, stack);
}
