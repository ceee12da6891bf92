/** `local pulumi`: the real CLI on the person's terminal, in the instance's project. */
import { interruption } from "../interrupt.ts";
import { repoRoot } from "../paths.ts";
import type { Progress } from "../progress.ts";
import { type Local, withLocal } from "./context.ts";
import { endAbandonedEngines } from "./engines.ts";
import type { Instance } from "./instance.ts";
import { stackArgument, stacksOf } from "./instances.ts";
import { committedStacks } from "./project.ts";
import { seedZone } from "./seed.ts";
import { ensureStack, freeLock, projectName } from "./stack.ts";
import { planOf } from "./up.ts";

/** Commands that work on a stack's resources: for them the stack and its zone are made when they are not there. */
const operations = new Set(["preview", "pre", "up", "update", "refresh", "destroy", "import"]);

/** The stack that pulumi will take: the one named, else the instance's only one, else the one it is named after. */
function stackOf(instance: Instance, args: readonly string[]): string | undefined {
  const [only, ...others] = stacksOf(instance, projectName);
  const named = stackArgument(args);
  if (named !== undefined) return named;
  if (only !== undefined) return others.length === 0 ? only : undefined;
  return committedStacks(repoRoot).includes(instance.name) ? instance.name : undefined;
}

async function makeReady(local: Local, stack: string, progress: Progress): Promise<void> {
  const { edge } = await planOf(local.instance, stack);
  await seedZone(local.endpoints.cloudflare, { name: edge.zone, plan: edge.plan }, interruption);
  await ensureStack(local, stack);
  await endAbandonedEngines(local.instance);
  await freeLock(local, stack, progress.say);
}

/** @returns pulumi's exit code. */
export async function localPulumi(instance: Instance, args: readonly string[], progress: Progress): Promise<number> {
  return withLocal(instance, progress, { machines: "kept" }, async (local) => {
    const stack = stackOf(instance, args);
    const operates = operations.has(args.find((arg) => !arg.startsWith("-")) ?? "");
    if (operates && stack !== undefined && committedStacks(repoRoot).includes(stack)) {
      await makeReady(local, stack, progress);
    }
    const env = stack === undefined ? local.env : { ...local.env, PULUMI_STACK: stack };
    const ended = await local.pulumi(args, { stdio: "inherit", env });
    return ended.code ?? 1;
  });
}
