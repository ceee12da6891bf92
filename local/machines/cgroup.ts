import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { MachineSize } from "../hetzner/driver.ts";

const mount = "/sys/fs/cgroup";

/** Hosts with separate hierarchies: `--keep-unit` reuses the caller's group, so each machine needs one in all of these. */
const v1Hierarchies = ["memory", "cpu", "cpuacct", "pids", "systemd", "unified"];

const isUnified = (): boolean => existsSync(join(mount, "cgroup.controllers"));

/** Control groups of one member (a machine, or the helper processes) of an environment. */
export const groupsOf = (environment: string, member: string): string[] => {
  const path = join("chitlaq", environment, member);
  if (isUnified()) return [join(mount, path)];
  return v1Hierarchies
    .map((hierarchy) => join(mount, hierarchy))
    .filter((hierarchy) => existsSync(hierarchy))
    .map((hierarchy) => join(hierarchy, path));
};

/** Makes the groups of a member. On a unified host a group below the root gets controllers only from every parent. */
export const ensureGroups = (environment: string, member: string): string[] => {
  const groups = groupsOf(environment, member);
  for (const group of groups) mkdirSync(group, { recursive: true });
  if (isUnified()) {
    for (const parent of [mount, join(mount, "chitlaq"), join(mount, "chitlaq", environment)]) {
      writeFileSync(join(parent, "cgroup.subtree_control"), "+cpu +memory +pids");
    }
  }
  return groups;
};

/**
 * Where a process that joins a machine from outside belongs. On a unified host nspawn divides the machine's group, and a
 * divided group takes no process of its own.
 */
export const guestGroups = (groups: readonly string[]): readonly string[] => {
  if (!isUnified()) return groups;
  const guests = groups.map((group) => join(group, "guests"));
  for (const group of guests) mkdirSync(group, { recursive: true });
  return guests;
};

const periodMicroseconds = 100_000;

/** Limits the groups to the memory and processors of a server type. */
export const limitGroups = (groups: readonly string[], size: MachineSize): void => {
  const bytes = String(Math.round(size.memoryGiB * 1024 ** 3));
  const quota = Math.round(size.cores * periodMicroseconds);
  const values: Readonly<Record<string, string>> = {
    "memory.limit_in_bytes": bytes,
    "memory.max": bytes,
    "cpu.cfs_period_us": String(periodMicroseconds),
    "cpu.cfs_quota_us": String(quota),
    "cpu.max": `${quota} ${periodMicroseconds}`,
  };
  for (const group of groups) {
    for (const [file, value] of Object.entries(values)) {
      if (existsSync(join(group, file))) writeFileSync(join(group, file), value);
    }
  }
};

/** Memory in use by a machine in bytes, page cache included; null when it has no group. */
export const memoryUse = (groups: readonly string[]): number | null => {
  for (const group of groups) {
    for (const file of ["memory.usage_in_bytes", "memory.current"]) {
      if (existsSync(join(group, file))) return Number(readFileSync(join(group, file), "utf8"));
    }
  }
  return null;
};
