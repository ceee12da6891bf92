import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, realpathSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./run.ts";

/** Where one environment keeps what; two environments share no name. */
export type Environment = {
  /** Six hexadecimal digits made from the state folder; part of every name in the kernel. */
  readonly id: string;
  /** Disks, volumes, snapshots and logs: survives the process and the host. */
  readonly folder: string;
  /** Sockets and pids: gone after a reboot of the host. Short, because a socket's path may have 107 characters only. */
  readonly runtime: string;
  /** Namespace of Hetzner's network: router, firewalls, metadata, load balancers. */
  readonly cloud: string;
  /** Namespace of the internet: clients, mirrors. */
  readonly internet: string;
};

/** A process by id and start time, so that a reused id is not mistaken for it. */
export type ProcessRef = { readonly pid: number; readonly startTime: number };

const runtimeRoot = "/run/chitlaq-machines";
const here = import.meta.dirname;

export const environmentOf = (stateDir: string): Environment => {
  mkdirSync(join(stateDir, "machines"), { recursive: true });
  const folder = realpathSync(join(stateDir, "machines"));
  const id = createHash("sha256").update(folder).digest("hex").slice(0, 6);
  return { id, folder, runtime: join(runtimeRoot, id), cloud: `hz-${id}-cloud`, internet: `hz-${id}-net` };
};

/** Start time in clock ticks since boot: field 22 of /proc/PID/stat (proc_pid_stat(5)); null when there is no such process. */
export const startTimeOf = (pid: number): number | null => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the command in parentheses and may hold spaces; state follows as field 3.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? null : Number(fields[19]);
  } catch {
    return null;
  }
};

export const processRef = (pid: number): ProcessRef => ({ pid, startTime: startTimeOf(pid) ?? 0 });

export const isAlive = ({ pid, startTime }: ProcessRef): boolean => startTimeOf(pid) === startTime;

/** Writes JSON so that a reader sees the old or the new content, never half of it. */
export const writeJson = (path: string, value: unknown): void => {
  const partial = `${path}.${process.pid}.new`;
  writeFileSync(partial, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(partial, path);
};

export const readJson = <T>(path: string): T | null => {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as T;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
};

type Owner = { readonly folder: string; readonly process: ProcessRef };

const ownerFile = (id: string): string => join(runtimeRoot, id, "owner.json");

/**
 * Removes from the kernel whatever the environment made; disks stay. With an owner, only while the environment is still its:
 * the script waits for others of the host, and somebody may claim the environment meanwhile.
 */
const clear = async (id: string, folder: string, owner?: ProcessRef): Promise<void> => {
  await must("sh", [join(here, "clear.sh"), id, folder, ...(owner === undefined ? [] : [String(owner.pid)])]);
};

/**
 * Makes this process the owner of the environment. What a dead owner left behind is cleared first, of this environment and
 * of every other one; a living owner is an error.
 */
export const claim = async (environment: Environment): Promise<void> => {
  mkdirSync(runtimeRoot, { recursive: true, mode: 0o700 });
  for (const id of readdirSync(runtimeRoot).filter((name) => /^[0-9a-f]{6}$/.test(name))) {
    const owner = readJson<Owner>(ownerFile(id));
    if (owner !== null && isAlive(owner.process)) {
      if (id === environment.id) {
        throw new Error(
          `machines of ${environment.folder} are run by process ${owner.process.pid} already; stop it first`,
        );
      }
      continue;
    }
    if (owner !== null) await clear(id, owner.folder, owner.process);
  }
  await clear(environment.id, environment.folder);
  mkdirSync(environment.runtime, { recursive: true, mode: 0o700 });
  writeJson(ownerFile(environment.id), {
    folder: environment.folder,
    process: processRef(process.pid),
  } satisfies Owner);
};

/** Clears the environment and gives it up. */
export const release = async (environment: Environment): Promise<void> => {
  await clear(environment.id, environment.folder);
  rmSync(environment.runtime, { recursive: true, force: true });
};
