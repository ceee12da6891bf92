import { once } from "node:events";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { Agent } from "./agents/link.ts";
import type { CloudConfig } from "./agents/config.ts";
import type { Door, InternetConfig } from "./agents/internet.ts";
import { startAptCache, type AptCache } from "./aptCache.ts";
import { claim, release, type Environment } from "./environment.ts";
import { createBackbone, internetAddress } from "./network/apply.ts";
import { socketPath } from "./state.ts";

/** A host of the internet that a unix socket of this host serves. */
export type InternetHost = { readonly names: readonly string[]; readonly doors: readonly Door[] };

/** What an environment has before its first server: namespaces, helper processes, and someone who clears up after a crash. */
export type Backbone = {
  readonly cloud: Agent<CloudConfig>;
  /** Puts a host into the internet, or replaces the one at its addresses; the resolvers know its names. */
  openHost(host: InternetHost): Promise<void>;
  close(): Promise<void>;
};

/** Hosts that Debian's package manager asks, on stock images. */
const debianMirrors = ["deb.debian.org", "security.debian.org"];

/** Ends with this process, whatever ends it, and then clears the environment. Detached: a Ctrl-C must not reach it. */
const startReaper = (environment: Environment): (() => Promise<void>) => {
  const script = join(import.meta.dirname, "reaper.sh");
  const reaper = spawn("sh", [script, environment.id, environment.folder, String(process.pid)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  reaper.stdin.on("error", () => undefined);
  reaper.unref();
  return async () => {
    const gone = once(reaper, "exit");
    reaper.stdin.end();
    await gone;
  };
};

export const startBackbone = async (environment: Environment, log: (line: string) => void): Promise<Backbone> => {
  await claim(environment);
  const dismissReaper = startReaper(environment);
  await createBackbone(environment);
  const cloud = new Agent<CloudConfig>(
    environment.id,
    environment.cloud,
    "cloud.ts",
    [socketPath(environment, "cloud")],
    log,
  );
  const internet = new Agent<InternetConfig>(
    environment.id,
    environment.internet,
    "internet.ts",
    [socketPath(environment, "internet")],
    log,
  );
  const apt: AptCache = await startAptCache({ socket: socketPath(environment, "apt"), log });
  const hosts = new Map<string, InternetHost>();
  const openHost = async (host: InternetHost): Promise<void> => {
    hosts.set(host.names.join(), host);
    const all = [...hosts.values()];
    const names = Object.fromEntries(
      all.flatMap(({ names: own, doors }) => own.map((name) => [name, doors[0]?.address ?? internetAddress.client])),
    );
    await internet.configure({ names, doors: all.flatMap(({ doors }) => doors) });
  };
  await openHost({
    names: debianMirrors,
    doors: [{ address: internetAddress.mirror, port: 80, socket: socketPath(environment, "apt") }],
  });
  await cloud.configure({ leases: [], instances: [], balancers: [] });
  return {
    cloud,
    openHost,
    close: async () => {
      await Promise.all([cloud.stop(), internet.stop(), apt.close()]);
      await release(environment);
      await dismissReaper();
    },
  };
};
