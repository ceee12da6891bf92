import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { CloudConfig } from "./agents/config.ts";
import type { InternetConfig } from "./agents/internet.ts";
import { Agent } from "./agents/link.ts";
import { type AptCache, startAptCache } from "./aptCache.ts";
import { claim, type Environment, release } from "./environment.ts";
import { createBackbone, internetAddress } from "./network/apply.ts";
import { namesFolder, socketPath } from "./state.ts";

/** What an environment has before its first server: namespaces, helper processes, and someone who clears up after a crash. */
export type Backbone = {
  readonly cloud: Agent<CloudConfig>;
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
    reaper.ref();
    reaper.stdin.end();
    await gone;
  };
};

type Parts = { readonly cloud: Agent<CloudConfig>; readonly internet: Agent<InternetConfig>; readonly apt: AptCache };

const startParts = async (environment: Environment, log: (line: string) => void): Promise<Parts> => {
  await createBackbone(environment);
  const { id, cloud, internet } = environment;
  const socket = (name: string): string => socketPath(environment, name);
  const parts = {
    cloud: new Agent<CloudConfig>(id, cloud, "cloud.ts", [socket("cloud")], log),
    internet: new Agent<InternetConfig>(
      id,
      internet,
      "internet.ts",
      [socket("internet"), namesFolder(environment)],
      log,
    ),
    apt: await startAptCache({ socket: socket("apt"), log }),
  };
  await parts.internet.configure({
    names: Object.fromEntries(debianMirrors.map((name) => [name, internetAddress.mirror])),
    doors: [{ address: internetAddress.mirror, port: 80, socket: socket("apt") }],
  });
  await parts.cloud.configure({ leases: [], instances: [], balancers: [] });
  return parts;
};

/** Claims the environment and starts what every machine needs. What fails half-way leaves nothing behind. */
export const startBackbone = async (environment: Environment, log: (line: string) => void): Promise<Backbone> => {
  await claim(environment);
  const dismissReaper = startReaper(environment);
  const end = async (): Promise<void> => {
    await release(environment);
    await dismissReaper();
  };
  try {
    const { cloud, internet, apt } = await startParts(environment, log);
    const close = async (): Promise<void> => {
      await Promise.all([cloud.stop(), internet.stop(), apt.close()]);
      await end();
    };
    return { cloud, close };
  } catch (error) {
    await end();
    throw error;
  }
};
