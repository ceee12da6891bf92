/** What `local up` does with the engine, step by step. */
import { createWriteStream } from "node:fs";
import { finished } from "node:stream/promises";
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import type { Finished } from "../process/run.ts";
import type { Note, Progress } from "../progress.ts";
import { createApi } from "../recovery/api.ts";
import { type Deployment, removeOrphans } from "../recovery/recover.ts";
import type { Local } from "./context.ts";
import { endAbandonedEngines } from "./engines.ts";
import { stackLock } from "./stack-lock.ts";

export const projectName = "chitlaq";

/** The part of the engine's output that says what went wrong, without the resource table above it. */
function failure(result: Finished): string {
  const text = `${result.stdout}\n${result.stderr}`.trim();
  const start = text.search(/^(Diagnostics:|error:)/m);
  return start === -1 ? text : text.slice(start);
}

/** Runs the engine and throws what it said when it fails. */
export async function mustRun(local: Local, args: readonly string[], what: string): Promise<Finished> {
  const result = await local.pulumi([...args, "--non-interactive"]);
  if (result.code !== 0) throw new Fault(`${what} failed (pulumi ${args[0]}):\n${failure(result)}`);
  return result;
}

export async function ensureStack(local: Local, stack: string): Promise<void> {
  const listed = await mustRun(local, ["stack", "ls", "--json"], "Listing the stacks");
  const stacks = JSON.parse(listed.stdout) as readonly { readonly name: string }[];
  if (!stacks.some(({ name }) => name === stack || name.endsWith(`/${stack}`))) {
    await mustRun(local, ["stack", "init", stack, "--no-select"], `Creating the stack ${stack}`);
  }
}

async function exportDeployment(local: Local, stack: string): Promise<Deployment> {
  const exported = await mustRun(local, ["stack", "export", "--stack", stack], "Reading the stack's state");
  return (JSON.parse(exported.stdout) as { readonly deployment?: Deployment }).deployment ?? {};
}

/** Releases the lock of an engine that is gone; throws when its holder lives. */
export async function freeLock(local: Local, stack: string, say: (line: string) => void): Promise<void> {
  const lock = stackLock(local.instance, projectName, stack);
  if (lock.kind === "free") return;
  if (lock.kind === "held") {
    throw new Fault(`The stack ${stack} is being changed by another pulumi (process ${lock.pid}).`, [
      "wait for it to end, or stop it with Ctrl-C where it runs",
    ]);
  }
  await mustRun(local, ["cancel", stack, "--yes"], "Releasing the lock");
  say(`released the lock of pulumi process ${lock.pid}, which is gone`);
}

/** After an update that was cut off: see `recovery/recover.ts`. Does nothing when the last one ended by itself. */
export async function recoverStack(local: Local, stack: string, progress: Progress): Promise<void> {
  const ended = await endAbandonedEngines(local.instance);
  if (ended > 0) progress.say("ended the engine of an earlier run that was killed");
  await freeLock(local, stack, progress.say);
  const deployment = await exportDeployment(local, stack);
  if ((deployment.pending_operations ?? []).length === 0) return;
  await progress.step("Clearing up after an interrupted update", async () => {
    const { hetzner, cloudflare } = local.endpoints;
    const clouds = { hetzner: createApi(hetzner, interruption), cloudflare: createApi(cloudflare, interruption) };
    await removeOrphans(deployment, clouds, progress.say, interruption);
    // What was cut off while changing is read back, so that the update starts from what is there.
    const args = ["refresh", "--stack", stack, "--yes", "--skip-preview", "--clear-pending-creates"];
    await mustRun(local, args, "Reading the resources back");
  });
}

/** ` +  hcloud:index:Server chitlaq-phase2-api-1 created (0.4s)`. */
const doneLine = /^\s*\S+\s+(\S+:\S+:\S+)\s+(\S+)\s+(created|updated|deleted|replaced)\b/;

/** Brings the stack up. The whole output goes to a log file; the terminal gets a count. */
export async function updateStack(local: Local, stack: string, extra: readonly string[], note: Note): Promise<void> {
  const logFile = join(local.instance.logDir, `up-${stack}.log`);
  const log = createWriteStream(logFile);
  let changes = 0;
  const args = ["up", "--stack", stack, "--yes", "--skip-preview", "--non-interactive", "--color", "never"];
  try {
    const result = await local.pulumi([...args, "--suppress-outputs", ...extra], {
      log,
      onLine: (line) => {
        const [, , name, what] = doneLine.exec(line) ?? [];
        if (name === undefined) return;
        changes += 1;
        note(`${changes} changes, last: ${name} ${what}`);
      },
    });
    if (result.code !== 0) throw new Fault(`pulumi up failed, all of it is in ${logFile}\n${failure(result)}`);
  } finally {
    log.end();
    await finished(log);
  }
}

/** Outputs of the stack as plain JSON; secrets stay masked. */
export async function stackOutputs(local: Local, stack: string): Promise<Readonly<Record<string, unknown>>> {
  const shown = await mustRun(local, ["stack", "output", "--json", "--stack", stack], "Reading the outputs");
  return JSON.parse(shown.stdout) as Readonly<Record<string, unknown>>;
}
