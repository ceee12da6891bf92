/** Which booted machine a name means, and what `local status` tells of machines. */
import { type MachineStatus, statusOf } from "../../local/machines/access.ts";
import { type EnvironmentState, type MachineState, readState } from "../../local/machines/state.ts";
import { rolePrefixes } from "../../plan/names.ts";
import { Fault } from "../errors.ts";
import { type CloudEndpoints, runningCloud } from "./cloud.ts";
import { type Instance, instanceNamed } from "./instance.ts";
import { runningInstances } from "./instances.ts";

export type Target = {
  readonly instance: Instance;
  readonly endpoints: CloudEndpoints;
  readonly environment: EnvironmentState;
};

export type MachineTarget = Target & { readonly machine: MachineState };

// Longest first: k3s-server-1 is no server-1.
const roles = Object.values(rolePrefixes).toSorted((a, b) => b.length - a.length);
const ending = new RegExp(`-((?:${roles.join("|")})-\\d+)$`);

/** `db-1` of `chitlaq-phase2-db-1`; a name of another shape stays whole. */
export const shortName = (name: string): string => ending.exec(name)?.[1] ?? name;

/** Local clouds with machines: the one named, or all that run. */
export async function machineTargets(named: string | undefined): Promise<readonly Target[]> {
  const running = named === undefined ? await runningInstances() : await runningAs(instanceNamed(named));
  const targets = running.flatMap(({ instance, endpoints }): readonly Target[] => {
    const environment = endpoints.machines ? readState(instance.cloudDir) : null;
    return environment === null ? [] : [{ instance, endpoints, environment }];
  });
  if (targets.length > 0) return targets;
  const which = named === undefined ? "No local cloud" : `The local cloud ${named} is not running, or not`;
  throw new Fault(named === undefined ? `${which} with machines is running.` : `${which} with machines.`, [
    "start one as root: ./chitlaq local up phase2 --machines",
  ]);
}

async function runningAs(instance: Instance) {
  const endpoints = await runningCloud(instance.cloudDir);
  return endpoints === undefined ? [] : [{ instance, endpoints }];
}

const knownNames = (targets: readonly Target[]): string =>
  targets
    .map(({ instance, environment }) => {
      const names = environment.machines.map(({ name }) => shortName(name)).toSorted();
      return `${instance.name} has ${names.join(", ") || "no servers"}`;
    })
    .join("; ");

/** The one machine of that name, short or full, in the clouds that run. @throws Fault that lists the names there are. */
export function pickMachine(targets: readonly Target[], given: string): MachineTarget {
  const found = targets.flatMap((target) =>
    target.environment.machines
      .filter(({ name }) => name === given || shortName(name) === given)
      .map((machine): MachineTarget => ({ ...target, machine })),
  );
  const [only, ...others] = found;
  if (only === undefined) {
    throw new Fault(`server: ${JSON.stringify(given)} given, no running local cloud has it; ${knownNames(targets)}`);
  }
  if (others.length === 0) return only;
  throw new Fault(
    `server: ${JSON.stringify(given)} given, several servers are called so`,
    found.map(({ instance, machine }) => `--instance ${instance.name} for ${machine.name}`),
  );
}

export const findTarget = async (given: string, named: string | undefined): Promise<MachineTarget> =>
  pickMachine(await machineTargets(named), given);

/** A machine in `local status`. */
export type MachineReport = {
  readonly name: string;
  readonly publicIpv4: string | null;
  readonly privateIps: readonly string[];
  /** `failed` is a boot whose user-data failed; the machine runs. */
  readonly state: "off" | "booting" | "ready" | "failed";
  readonly bootSeconds: number | null;
  readonly memoryBytes: number | null;
  readonly errors: readonly string[];
};

const reportOf = ({ machine, boot, memoryBytes }: MachineStatus): MachineReport => ({
  name: machine.name,
  publicIpv4: machine.publicIpv4,
  privateIps: machine.privateIps,
  state: boot.phase,
  bootSeconds: "seconds" in boot ? Number(boot.seconds.toFixed(1)) : null,
  memoryBytes,
  errors: boot.phase === "failed" ? boot.errors : [],
});

/** Machines of a running cloud, by name; empty for a cloud that only answers the APIs. */
export function machineReports(instance: Instance): readonly MachineReport[] {
  const environment = readState(instance.cloudDir);
  if (environment === null) return [];
  return statusOf(environment)
    .map(reportOf)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

const mebibytes = (bytes: number | null): string => (bytes === null ? "" : `${Math.round(bytes / 2 ** 20)} MiB`);

/** Lines of `local status`, in columns. */
export function machineLines(reports: readonly MachineReport[]): readonly string[] {
  const rows = reports.map((machine) => [
    shortName(machine.name),
    [machine.publicIpv4, ...machine.privateIps].filter((address) => address !== null).join(" "),
    machine.bootSeconds === null ? machine.state : `${machine.state} in ${machine.bootSeconds} s`,
    mebibytes(machine.memoryBytes),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `    ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd());
}
