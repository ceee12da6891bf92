import { join } from "node:path";
import { withoutClock } from "./boot.ts";
import { guestGroups } from "./cgroup.ts";
import type { ProcessRef } from "./environment.ts";
import { type Outcome, type RunOptions, run } from "./run.ts";

const here = import.meta.dirname;
const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The command line that runs something inside a machine as root, with the machine's limits and without the right to set the
 * clock, which is the host's. It has more rights than a process of the machine, so it proves nothing about what those may do.
 */
export const commandInside = (
  leader: ProcessRef,
  groups: readonly string[],
  command: readonly string[],
): readonly [string, readonly string[]] => [
  "sh",
  [
    join(here, "enter.sh"),
    ...guestGroups(groups),
    "--",
    ...withoutClock,
    "nsenter",
    `--target=${leader.pid}`,
    "--mount",
    "--uts",
    "--ipc",
    "--net",
    "--pid",
    "--cgroup",
    "--root",
    "--wdns=/root",
    "--",
    "env",
    "-i",
    path,
    "HOME=/root",
    "LANG=C.UTF-8",
    `TERM=${process.env.TERM ?? "dumb"}`,
    ...command,
  ],
];

/** Runs a command inside a machine to its end. */
export const runInside = (
  leader: ProcessRef,
  groups: readonly string[],
  command: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> => {
  const [program, args] = commandInside(leader, groups, command);
  return run(program, args, options);
};
