/** Runs `./chitlaq` for real, on an instance of its own that is forgotten when the test ends. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type CloudEndpoints, controlUrl, lastEndpoints } from "../../../cli/local/cloud.ts";
import { type Instance, instanceNamed } from "../../../cli/local/instance.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { until } from "../../../cli/process/pause.ts";

export type Ended = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
};

export type Running = {
  readonly ended: Promise<Ended>;
  /** What the terminal sends for Ctrl-C: SIGINT to the command's process group. */
  ctrlC(): void;
  /** kill -9 of the command alone; what it started goes on. */
  kill(): void;
};

export type Bench = {
  readonly instance: Instance;
  start(args: readonly string[]): Running;
  run(args: readonly string[]): Promise<Ended>;
  /** Any command, its arguments as they are. */
  chitlaq(args: readonly string[]): Promise<Ended>;
  /** Endpoints of the instance's cloud, as soon as they are there. */
  endpoints(): Promise<CloudEndpoints>;
  hetzner(path: string): Promise<Readonly<Record<string, unknown>>>;
  control(method: string, route: string, body: unknown): Promise<void>;
  /** Command lines of living processes that belong to the instance. */
  leftovers(): readonly string[];
};

const never = new AbortController().signal;
const patience = { everyMs: 20, timeoutMs: 60_000 };

/** Waits for something to become true, or fails the test by name. */
export async function eventually<T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const found = await until(look, patience, never);
  if (found === undefined) throw new Error(`${what}: not within ${patience.timeoutMs / 1000} s`);
  return found;
}

function readProc(pid: string, file: string): string {
  try {
    return readFileSync(join("/proc", pid, file), "utf8").replaceAll("\0", " ");
  } catch {
    // It ended, or is another user's.
    return "";
  }
}

/** A process is the instance's when its arguments or its environment name the instance's folder. */
function processesOf(folder: string): readonly string[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && name !== String(process.pid));
  return pids
    .filter((pid) => `${readProc(pid, "cmdline")} ${readProc(pid, "environ")}`.includes(`${folder}/`))
    .map((pid) => `${pid} ${readProc(pid, "cmdline")}`);
}

async function outcome(child: ChildProcess): Promise<Ended> {
  const text = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => {
    text.stdout += chunk;
  });
  child.stderr?.on("data", (chunk) => {
    text.stderr += chunk;
  });
  const [code, signal] = await once(child, "close");
  return { code, signal, ...text } as Ended;
}

let count = 0;

export function createBench(t: TestContext): Bench {
  count += 1;
  const instance = instanceNamed(`test-${process.pid}-${count}`);
  const launch = (args: readonly string[]): Running => {
    const child = spawn(join(repoRoot, "chitlaq"), args, {
      cwd: repoRoot,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    return {
      ended: outcome(child),
      ctrlC: () => void process.kill(-(child.pid ?? 0), "SIGINT"),
      kill: () => void child.kill("SIGKILL"),
    };
  };
  const start: Bench["start"] = ([group = "", verb = "", ...rest]) =>
    launch([group, verb, "--instance", instance.name, ...rest]);
  const run: Bench["run"] = (args) => start(args).ended;
  const endpoints = (): Promise<CloudEndpoints> => eventually("the cloud", () => lastEndpoints(instance.cloudDir));
  t.after(() => run(["local", "reset"]));
  return {
    instance,
    start,
    run,
    chitlaq: (args) => launch(args).ended,
    endpoints,
    async hetzner(path) {
      const { endpoint, token } = (await endpoints()).hetzner;
      const response = await fetch(`${endpoint}${path}`, { headers: { authorization: `Bearer ${token}` } });
      return (await response.json()) as Readonly<Record<string, unknown>>;
    },
    async control(method, route, body) {
      const { endpoint, token } = (await endpoints()).hetzner;
      const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
      const response = await fetch(controlUrl(endpoint, route), { method, headers, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${route}: ${response.status} ${await response.text()}`);
    },
    leftovers: () => processesOf(instance.dir),
  };
}
