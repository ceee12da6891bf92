import { join } from "node:path";
import type { Topology } from "../hetzner/driver.ts";
import { type Environment, environmentOf, isAlive, type ProcessRef, readJson, writeJson } from "./environment.ts";

/** One server as other processes see it: enough to enter its machine, cut it off or look at its files. */
export type MachineState = {
  readonly id: number;
  readonly name: string;
  readonly power: "running" | "off";
  readonly leader: ProcessRef | null;
  readonly nspawn: ProcessRef | null;
  /** Milliseconds since 1970; null when off. */
  readonly startedAt: number | null;
  readonly namespace: string;
  readonly publicIpv4: string | null;
  readonly privateIps: readonly string[];
  /** Devices of its cards in the cloud's namespace. */
  readonly devices: readonly string[];
  readonly groups: readonly string[];
  /** Its disk, mounted also while it is off. */
  readonly root: string;
  readonly console: string;
};

/** A running environment, written by the process that runs it. */
export type EnvironmentState = {
  readonly id: string;
  readonly owner: ProcessRef;
  readonly cloud: string;
  readonly internet: string;
  /** Unix sockets that connect from inside a namespace; see `openTunnel`. */
  readonly cloudSocket: string;
  readonly internetSocket: string;
  /** Sockets, pids and names of the environment; gone when it ends. */
  readonly runtime: string;
  readonly machines: readonly MachineState[];
};

const stateFile = (environment: Environment): string => join(environment.runtime, "state.json");

export const socketPath = (environment: Environment, name: string): string => join(environment.runtime, `${name}.sock`);

/** Folder with a file per host name that {@link addInternetHost} put into the internet; its content is the address. */
export const namesFolder = (environment: Pick<Environment, "runtime">): string => join(environment.runtime, "names");

export const writeState = (environment: Environment, state: EnvironmentState): void =>
  writeJson(stateFile(environment), state);

/** The environment that runs on this state folder, or null when nothing does. */
export const readState = (stateDir: string): EnvironmentState | null => {
  const state = readJson<EnvironmentState>(stateFile(environmentOf(stateDir)));
  if (state === null || !isAlive(state.owner)) return null;
  return { ...state, machines: state.machines.map(asItIs) };
};

/** A machine may have ended since its state was written. */
const asItIs = (machine: MachineState): MachineState => {
  if (machine.leader !== null && isAlive(machine.leader)) return machine;
  return { ...machine, power: "off", leader: null, nspawn: null, startedAt: null };
};

export const addressesOf = (topology: Topology, id: number): Pick<MachineState, "publicIpv4" | "privateIps"> => {
  const server = topology.servers.find((candidate) => candidate.id === id);
  return { publicIpv4: server?.publicIpv4 ?? null, privateIps: server?.privateNets.map(({ ip }) => ip) ?? [] };
};
