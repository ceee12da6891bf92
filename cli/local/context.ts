/** Opens an instance for work: cloud, engine, plugins, project, and a way to run `pulumi` among them. */
import { join } from "node:path";
import { readState } from "../../local/machines/state.ts";
import { engineEnvironment } from "../engine/environment.ts";
import { ensurePlugins, type Plugin } from "../engine/plugins.ts";
import type { EngineSearch } from "../engine/probe.ts";
import { type Engine, resolveEngine } from "../engine/resolve.ts";
import { impatience, interruption } from "../interrupt.ts";
import { cacheDir, pulumiHome, repoRoot } from "../paths.ts";
import { type Finished, run, type RunOptions } from "../process/run.ts";
import type { Progress } from "../progress.ts";
import { type CloudEndpoints, ensureCloud, runningCloud, stopCloud } from "./cloud.ts";
import { noteEngine } from "./engines.ts";
import { chooseKind, requireKind, shouldRestart } from "./kind.ts";
import { type Instance, makeFolders, passphraseOf } from "./instance.ts";
import { ensureObjectStore } from "./object-store.ts";
import { syncProject } from "./project.ts";

export const search: EngineSearch = {
  repoRoot,
  cacheDir,
  env: process.env,
  signal: interruption,
  killSignal: impatience,
};

export type Toolchain = { readonly engine: Engine; readonly plugins: readonly Plugin[] };

/** Engine and plugins, got if need be. */
export async function prepareToolchain(progress: Progress): Promise<Toolchain> {
  const engine = await resolveEngine(search, progress);
  const installStandIn = async (plugin: { readonly name: string; readonly version: string }): Promise<void> => {
    const { installStandIn: install } = await import("../../local/plugins/install.ts");
    await install({ ...plugin, pulumiHome, nodePath: process.execPath, repoRoot });
  };
  const plugins = await ensurePlugins({ pulumi: engine.pulumi, pulumiHome, search, installStandIn }, progress);
  return { engine, plugins };
}

const origins = { path: "found on PATH", installer: "from its installer", built: "built from its Go modules" } as const;

/** One line that says which parts are official and which are ours. */
export function describeToolchain({ engine, plugins }: Toolchain): string {
  const host = { name: "language host", origin: engine.languageHost.official ? "official" : "stand-in" };
  const parts = [host, ...plugins.map(({ name, version, origin }) => ({ name: `${name} ${version}`, origin }))];
  const groups = ["official", "stand-in", "missing"].flatMap((origin) => {
    const names = parts.flatMap((part) => (part.origin === origin ? [part.name] : []));
    return names.length === 0 ? [] : [`${origin}: ${names.join(", ")}`];
  });
  return [`Pulumi ${engine.version}, ${origins[engine.origin]}`, ...groups].join("; ");
}

/** Grace of an interrupted engine: it finishes the calls it has begun, so that nothing is made and not recorded. */
const graceMs = 20_000;

export type Local = {
  readonly instance: Instance;
  readonly endpoints: CloudEndpoints;
  readonly toolchain: Toolchain;
  readonly env: Readonly<Record<string, string>>;
  /** Runs the engine in the instance's project. */
  pulumi(args: readonly string[], options?: RunOptions): Promise<Finished>;
};

/** The way from this host to the addresses of the instance's machines. */
export const dialSocketOf = (instance: Instance, { machines }: CloudEndpoints): string | undefined =>
  machines ? readState(instance.cloudDir)?.internetSocket : undefined;

/** The instance's engine around a running cloud. */
export function localOf(instance: Instance, endpoints: CloudEndpoints, toolchain: Toolchain): Local {
  const { backendDir, projectDir } = instance;
  const { pulumi } = toolchain.engine;
  const passphrase = passphraseOf(instance);
  const dialSocket = dialSocketOf(instance, endpoints);
  const env = engineEnvironment({ endpoints, pulumi, pulumiHome, backendDir, passphrase, dialSocket }, process.env);
  return {
    instance,
    endpoints,
    toolchain,
    env,
    async pulumi(args, options = {}) {
      let forget: (() => void) | undefined;
      const ended = await run(pulumi, args, {
        cwd: projectDir,
        env,
        signal: interruption,
        killSignal: impatience,
        stopSignal: "SIGINT",
        graceMs,
        ...options,
        onStart: (pid) => {
          forget = noteEngine(instance, pid);
          options.onStart?.(pid);
        },
      }).finally(() => forget?.());
      return ended;
    },
  };
}

/**
 * Whether servers are booted. An instance that has servers keeps what they were made as; for others `undefined` means yes
 * where the host can, and `"kept"` means as it was started last, at first no.
 */
export type LocalOptions = { readonly machines: boolean | "kept" | undefined };

/**
 * Opens the instance, does `work`, and leaves the cloud running. A cloud that this run started is stopped again when the
 * run is interrupted.
 */
export async function withLocal<T>(
  instance: Instance,
  progress: Progress,
  { machines }: LocalOptions,
  work: (local: Local) => Promise<T>,
): Promise<T> {
  makeFolders(instance);
  syncProject(instance, repoRoot);
  const toolchain = await prepareToolchain(progress);
  const { endpoints, started } = await openCloud(instance, machines, progress);
  try {
    return await work(localOf(instance, endpoints, toolchain));
  } finally {
    if (started && interruption.aborted) await stopCloud(endpoints);
  }
}

/** Says something only when there is something to wait for. */
async function openCloud(instance: Instance, asked: LocalOptions["machines"], progress: Progress) {
  const running = await runningCloud(instance.cloudDir);
  if (running !== undefined && (await shouldRestart(running, asked, interruption))) {
    await progress.step("Stopping the local cloud, to start it anew", () => stopCloud(running));
  } else if (running !== undefined) {
    requireKind(running.machines, asked);
    return { endpoints: running, started: false };
  }
  const machines = await chooseKind(instance, asked);
  const start = {
    repoRoot,
    stateDir: instance.cloudDir,
    logFile: join(instance.logDir, "cloud.log"),
    machines,
    objectStore: machines ? await ensureObjectStore(search, progress) : undefined,
    signal: interruption,
  };
  return progress.step("Starting the local cloud", () => ensureCloud(start));
}
