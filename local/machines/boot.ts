import { spawn } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessRef, processRef } from "./environment.ts";

/** How nspawn ended: the machine powered off, asked for a reboot (with `--keep-unit` its caller must do it), or was killed. */
export type Ending = "off" | "reboot" | "killed";

export type RunningMachine = {
  readonly nspawn: ProcessRef;
  /** First process of the machine, as the host sees it. */
  readonly leader: ProcessRef;
  readonly startedAt: number;
  readonly ended: Promise<Ending>;
};

export type BootOptions = {
  /** Name among all machines of the host. */
  readonly machine: string;
  readonly hostname: string;
  /** The machine's disk. */
  readonly root: string;
  readonly namespace: string;
  readonly groups: readonly string[];
  readonly serial: string;
  readonly devices: string;
  readonly console: string;
};

const here = import.meta.dirname;
const rebootCode = 133;
/** Usually a fraction of a second; on a small host where another cloud boots, many. */
const leaderTimeoutMs = 60_000;

/** Capabilities a machine must not have although nspawn grants them or root has them: the clock is the host's. */
export const withoutClock = ["setpriv", "--bounding-set", "-sys_time"] as const;

const nspawnArguments = (options: BootOptions): string[] => [
  "--quiet",
  "--boot",
  `--directory=${options.root}`,
  `--machine=${options.machine}`,
  `--hostname=${options.hostname}`,
  // No machined and no systemd on the host are needed.
  "--register=no",
  "--keep-unit",
  `--network-namespace-path=/run/netns/${options.namespace}`,
  `--bind-ro=${options.serial}:/run/host/hetzner-serial`,
  `--bind-ro=${options.devices}:/run/tmpfiles.d/hetzner-volumes.conf`,
  "--resolv-conf=off",
  "--timezone=off",
  "--link-journal=no",
  "--console=pipe",
  "--kill-signal=SIGRTMIN+4",
  "--capability=CAP_NET_ADMIN",
  "--drop-capability=CAP_SYS_TIME",
];

const environment = {
  // /proc/sys/net is writable; the rest of /proc/sys is not.
  SYSTEMD_NSPAWN_API_VFS_WRITABLE: "network",
  // The machine makes its own /tmp, as Debian 13 does.
  SYSTEMD_NSPAWN_TMPFS_TMP: "0",
  // systemd 256 and later refuse the separate hierarchies of cgroup v1.
  SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1",
};

/** Without entering the namespace first, /sys/class/net inside would show the host's cards. */
const commandLine = (options: BootOptions): string[] => [
  join(here, "enter.sh"),
  ...options.groups,
  "--",
  ...withoutClock,
  "nsenter",
  `--net=/run/netns/${options.namespace}`,
  "systemd-nspawn",
  ...nspawnArguments(options),
];

const childrenOf = (pid: number): number[] => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((task) =>
      readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean).map(Number),
    );
  } catch {
    return [];
  }
};

/** A process is a machine's first when it is number 1 in a process namespace of its own. */
const isFirstProcess = (pid: number): boolean => {
  try {
    const [, ids = ""] = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    const numbers = ids.split("\t");
    return numbers.length > 1 && numbers.at(-1) === "1";
  } catch {
    return false;
  }
};

const findLeader = async (nspawn: number, hasEnded: () => boolean): Promise<number | null> => {
  for (const deadline = Date.now() + leaderTimeoutMs; Date.now() < deadline && !hasEnded(); await sleep(5)) {
    const leader = childrenOf(nspawn).find(isFirstProcess);
    if (leader !== undefined) return leader;
  }
  return null;
};

const lastLines = (file: string): string => readFileSync(file, "utf8").trimEnd().split("\n").slice(-5).join("; ");

/** Starts a machine; resolves when its first process runs, long before its services do. */
export const boot = async (options: BootOptions): Promise<RunningMachine> => {
  const log = openSync(options.console, "a");
  const child = spawn("sh", commandLine(options), {
    env: { ...process.env, ...environment },
    stdio: ["ignore", log, log],
    // Its own session: a Ctrl-C of the terminal is for us, and we stop machines in order.
    detached: true,
  });
  closeSync(log);
  let over = false;
  const ended = new Promise<Ending>((resolve) => {
    child.once("error", () => resolve("killed"));
    child.once("exit", (code) => resolve(code === 0 ? "off" : code === rebootCode ? "reboot" : "killed"));
  });
  void ended.then(() => {
    over = true;
  });
  const pid = child.pid ?? 0;
  const leader = pid === 0 ? null : await findLeader(pid, () => over);
  if (leader === null) {
    child.kill("SIGKILL");
    throw new Error(`${options.machine} did not start: ${lastLines(options.console)}`);
  }
  return { nspawn: processRef(pid), leader: processRef(leader), startedAt: Date.now(), ended };
};
