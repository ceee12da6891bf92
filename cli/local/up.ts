/** `local up`: from nothing to a stack that runs on the local cloud, and again from wherever an earlier run stopped. */
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import { tryLock } from "../lock.ts";
import { repoRoot } from "../paths.ts";
import type { Progress } from "../progress.ts";
import { stackPlan } from "../stack-plan.ts";
import { describeToolchain, type Local, type LocalOptions, withLocal } from "./context.ts";
import { type Instance, makeFolders } from "./instance.ts";
import { apiOnlyReason } from "./kind.ts";
import { requireStack, stackConfigDir, syncProject } from "./project.ts";
import { printStack } from "./report.ts";
import { seedZone } from "./seed.ts";
import { ensureStack, recoverStack, stackOutputs, updateStack } from "./stack.ts";

export type UpOptions = LocalOptions & { readonly json: boolean };

/** Checked before anything starts: a wrong config fails here. */
export const planOf = (instance: Instance, stack: string) => stackPlan(stack, stackConfigDir(instance));

async function bringUp(local: Local, stack: string, progress: Progress): Promise<void> {
  await progress.step("Checking the stack's state", async () => {
    await ensureStack(local, stack);
    await recoverStack(local, stack, progress);
  });
  if (local.endpoints.machines) {
    const { prepareDelivery } = await import("../secrets/local.ts");
    await prepareDelivery(local, stack, progress);
  }
  await progress.step(`pulumi up --stack ${stack}`, (note) => updateStack(local, stack, [], note));
  if (local.endpoints.machines) {
    const { waitForMachines } = await import("./ready.ts");
    await progress.step("Waiting for the machines' services", (note) => waitForMachines(local.instance, note));
  }
}

/** k3s is fetched from its releases, and machines find nothing of the real internet but Debian's mirrors. */
const noK3s = (machines: boolean): string =>
  machines
    ? "k3s comes from github.com, which these machines do not reach: theirs will not get ready."
    : "Servers are not booted, only the APIs answer: k3s comes from github.com, which machines of this host do not reach.";

/** Holds the instance against a second `local up`, which would fight over the stack and its recovery. */
export async function alone<T>(instance: Instance, work: () => Promise<T>): Promise<T> {
  const lock = tryLock(join(instance.dir, "run.lock"));
  if (lock === undefined) {
    throw new Fault(`Another ./chitlaq is working on the instance ${instance.name}.`, [
      "wait for it to end",
      "or use another one: --instance <name>",
    ]);
  }
  try {
    return await work();
  } finally {
    lock.release();
  }
}

export async function localUp(
  instance: Instance,
  stack: string,
  options: UpOptions,
  progress: Progress,
): Promise<void> {
  requireStack(repoRoot, stack);
  makeFolders(instance);
  await alone(instance, async () => {
    syncProject(instance, repoRoot);
    const plan = await planOf(instance, stack);
    const needsDownload = plan.machines.some(({ role }) => role === "k3s-server");
    const machines = needsDownload ? (options.machines ?? "kept") : options.machines;
    await withLocal(instance, progress, { machines }, async (local) => {
      progress.say(describeToolchain(local.toolchain));
      if (needsDownload && options.machines !== false) progress.say(noK3s(local.endpoints.machines));
      else if (!local.endpoints.machines && options.machines !== false) progress.say(await apiOnlyReason(instance));
      await seedZone(local.endpoints.cloudflare, { name: plan.edge.zone, plan: plan.edge.plan }, interruption);
      await bringUp(local, stack, progress);
      await printStack(await stackOutputs(local, stack), { stack, json: options.json, instance, local });
    });
  });
}
