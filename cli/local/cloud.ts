/** Starts, finds and stops the local cloud of an instance. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, fstatSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { Fault } from "../errors.ts";
import { waitForLock } from "../lock.ts";
import { pause, until } from "../process/pause.ts";
import { isAlive, killSession, signalProcess } from "../process/session.ts";

const api = z.object({ endpoint: z.url(), token: z.string() });

/** `endpoints.json`, which `local/main.ts` writes when both APIs answer. */
const endpointsSchema = z.object({
  pid: z.int().positive(),
  startedAt: z.string(),
  machines: z.boolean(),
  objectStore: z.boolean().optional(),
  hetzner: api,
  cloudflare: api,
});

export type CloudEndpoints = z.output<typeof endpointsSchema>;

const endpointsFile = (stateDir: string): string => join(stateDir, "endpoints.json");

/** What the last start wrote; undefined when there was none. It may describe a cloud that is gone. */
export function lastEndpoints(stateDir: string): CloudEndpoints | undefined {
  const file = endpointsFile(stateDir);
  if (!existsSync(file)) return undefined;
  const parsed = endpointsSchema.safeParse(JSON.parse(readFileSync(file, "utf8")));
  return parsed.success ? parsed.data : undefined;
}

/** With machines that boot, the cloud shares its processors with all of them. */
const answerMs = 20_000;

/** True when the cloud that wrote `endpoints` answers on its port with its token: the process id may be another's. */
async function answers(endpoints: CloudEndpoints): Promise<boolean> {
  if (!isAlive(endpoints.pid)) return false;
  try {
    const response = await fetch(controlUrl(endpoints.hetzner.endpoint, "clock"), {
      headers: { authorization: `Bearer ${endpoints.hetzner.token}` },
      signal: AbortSignal.timeout(answerMs),
    });
    return response.ok;
  } catch {
    return false;
  }
}

/** Address of the control API that both emulators carry on their own port. */
export function controlUrl(endpoint: string, route: string): string {
  return new URL(`/_local/${route}`, endpoint).href;
}

/** Endpoints of the instance's cloud if it runs. */
export async function runningCloud(stateDir: string): Promise<CloudEndpoints | undefined> {
  const endpoints = lastEndpoints(stateDir);
  return endpoints !== undefined && (await answers(endpoints)) ? endpoints : undefined;
}

export type CloudStart = {
  readonly repoRoot: string;
  readonly stateDir: string;
  /** File that gets both streams of the cloud. */
  readonly logFile: string;
  readonly machines: boolean;
  /** Program of the object store, for machines; left out: they find none. */
  readonly objectStore?: string | undefined;
  /** Ends the cloud when this process ends; left out, it outlives us. */
  readonly parentPid?: number;
  readonly signal: AbortSignal;
};

/** The cloud itself remembers its ports and tokens: a provider keeps its endpoint in the stack's state. */
const cloudArguments = (start: CloudStart): readonly string[] => [
  "--disable-warning=ExperimentalWarning",
  join(start.repoRoot, "local", "main.ts"),
  "--state-dir",
  start.stateDir,
  ...(start.machines ? ["--machines"] : []),
  ...(start.machines && start.objectStore !== undefined ? ["--object-store", start.objectStore] : []),
  ...(start.parentPid === undefined ? [] : ["--parent-pid", String(start.parentPid)]),
];

/** Those that have machines clear up first, one cloud of the host after the other, and restore disks. */
const startSeconds = { api: 30, machines: 120 } as const;

const shownLines = 20;

/** First lines that were written after `offset`: an error says what it is before where it came from. */
const linesSince = (file: string, offset: number): string =>
  readFileSync(file).subarray(offset).toString().trimEnd().split("\n").slice(0, shownLines).join("\n");

/** Starts the cloud and waits until it answers. An interruption stops it again. */
export async function startCloud(start: CloudStart): Promise<CloudEndpoints> {
  start.signal.throwIfAborted();
  const log = openSync(start.logFile, "a");
  const logStart = fstatSync(log).size;
  const child = spawn(process.execPath, cloudArguments(start), {
    cwd: start.repoRoot,
    detached: true,
    stdio: ["ignore", log, log],
  });
  closeSync(log);
  await once(child, "spawn");
  const seconds = startSeconds[start.machines ? "machines" : "api"];
  const pid = child.pid ?? 0;
  const look = async (): Promise<CloudEndpoints | "ended" | undefined> => {
    if (child.exitCode !== null || child.signalCode !== null) return "ended";
    const found = lastEndpoints(start.stateDir);
    return found?.pid === pid && (await answers(found)) ? found : undefined;
  };
  try {
    const ready = await until(look, { everyMs: 30, timeoutMs: seconds * 1000 }, start.signal);
    if (ready !== undefined && ready !== "ended") {
      child.unref();
      return ready;
    }
    const what = ready === "ended" ? "ended at once" : `was not ready after ${seconds} s`;
    throw new Fault(`The local cloud ${what}:\n${linesSince(start.logFile, logStart)}`, [
      `look into ${start.logFile}, or start afresh with \`./chitlaq local reset\``,
    ]);
  } catch (error) {
    await killSession(pid);
    throw error;
  }
}

/**
 * Endpoints of the instance's cloud, started when it does not run.
 * @returns `started` tells whether this call started it.
 */
export async function ensureCloud(
  start: CloudStart,
): Promise<{ readonly endpoints: CloudEndpoints; readonly started: boolean }> {
  // Of two runs at once, the second finds the cloud of the first.
  const lock = await waitForLock(join(start.stateDir, "..", "start.lock"), () => undefined, start.signal);
  try {
    const running = await runningCloud(start.stateDir);
    if (running !== undefined) return { endpoints: running, started: false };
    return { endpoints: await startCloud(start), started: true };
  } finally {
    lock.release();
  }
}

/** Machines have 20 of them to shut down. */
const stopSeconds = 45;

/** Stops the cloud politely, so that its machines are shut down, and by force when it does not end. */
export async function stopCloud(endpoints: Pick<CloudEndpoints, "pid">): Promise<void> {
  const { pid } = endpoints;
  const deadline = performance.now() + stopSeconds * 1000;
  // An interruption must not leave it half-stopped: this wait is bounded instead.
  const never = new AbortController().signal;
  signalProcess(pid, "SIGTERM");
  while (isAlive(pid) && performance.now() < deadline) await pause(20, never);
  await killSession(pid);
}
