import type { PlatformConfig } from "../config/schema.ts";
import { baseline, budgets, databaseBytesPerUser } from "./capacity.ts";
import type { Machine } from "./types.ts";

/** Things a reader of the plan should know and that stop nothing. */
export function notesOf(config: PlatformConfig, machines: readonly Machine[]): readonly string[] {
  return [...phaseNotes(config, machines), ...choiceNotes(config), ...stockNotes(machines)];
}

function phaseNotes(config: PlatformConfig, machines: readonly Machine[]): readonly string[] {
  const storage = `The capacity plan says ${databaseBytesPerUser.stated / 1_000} KB of database per user; its own items add up to ${databaseBytesPerUser.itemised / 1_000} KB, which is used here.`;
  switch (config.phase) {
    case 1: {
      const { stated, asSold, serverType } = baseline;
      return [
        `The capacity plan's ${serverType.toUpperCase()} with ${stated.memoryGiB} GB and ${stated.storageGiB} GB does not exist: a ${serverType} has ${asSold.memoryGiB} GB of memory and ${asSold.storageGiB} GB of disk. A volume makes up the storage.`,
        ...machines
          .filter((machine) => machine.serverType !== serverType)
          .map((machine) => `The server is a ${machine.serverType} (${machine.vcpu} vCPU, ${machine.memoryGiB} GB).`),
        storage,
      ];
    }
    case 2:
      return [
        "One load balancer is a single point of failure; its address survives it, so it is rebuilt, not re-announced.",
        storage,
      ];
    case 3: {
      const { planUsd, costPerUserUsd } = budgets[3];
      return [
        `The capacity plan promises ${costPerUserUsd.from} to ${costPerUserUsd.to} USD per user at ${costPerUserUsd.atUsers} users, but its own budget of ${planUsd.from} USD is ${planUsd.from / costPerUserUsd.atUsers} USD per user.`,
        "Redis runs as one primary with replicas and Sentinels, not as a sharded cluster: its data fits one machine many times over.",
        storage,
      ];
    }
  }
}

function choiceNotes(config: PlatformConfig): readonly string[] {
  const notes: string[] = [];
  if (config.ssh.allowFrom.length === 0) {
    notes.push("No address may reach SSH (ssh.allowFrom is empty); open one before you need it.");
  }
  if (config.phase === 2 && !config.database.standby) {
    notes.push(
      "database.standby is off: the database does not fail over, and a dead machine means a restore from backup.",
    );
  }
  if (config.phase !== 1 && config.edge.plan === "free") {
    notes.push(
      "Cloudflare's free plan has one rate limit and no managed rules; the capacity plan expects Pro from phase 2.",
    );
  }
  return notes;
}

/** On 2026-07-26 and 2026-09-29 no type of the cost-optimised family could be ordered anywhere. */
function stockNotes(machines: readonly Machine[]): readonly string[] {
  const types = [...new Set(machines.map((machine) => machine.serverType))].filter((type) => /^cx\d/.test(type));
  return types.map((type) => `${type} is cheap and often out of stock; if it cannot be had, name another serverType.`);
}
