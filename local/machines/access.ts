import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { memoryUse } from "./cgroup.ts";
import { isAlive, type ProcessRef } from "./environment.ts";
import { commandInside } from "./inside.ts";
import { type Outcome, type RunOptions, run } from "./run.ts";
import { type EnvironmentState, type MachineState, readState } from "./state.ts";

/** A program and its arguments, for `spawn`. */
export type Command = readonly [string, readonly string[]];

/** Where a command or connection starts: Hetzner's network, the internet, or a machine's own network. */
export type Place = "cloud" | "internet" | MachineState;

/** The environment that runs on this state folder. Works from any process on the host. */
export const openEnvironment = (stateDir: string): EnvironmentState => {
  const state = readState(stateDir);
  if (state === null) throw new Error(`no machines run on ${stateDir}; start the local cloud first`);
  return state;
};

/** A machine by server name or id. The answer is a moment's view: take it anew after a reboot. */
export const findMachine = (environment: EnvironmentState, nameOrId: string | number): MachineState => {
  const wanted = String(nameOrId);
  const found = environment.machines.find(({ id, name }) => name === wanted || String(id) === wanted);
  if (found !== undefined) return found;
  const names = environment.machines.map(({ name }) => name).join(", ");
  throw new Error(`server ${wanted}: not in the local cloud; it has ${names === "" ? "no servers" : names}`);
};

const leaderOf = (machine: MachineState): ProcessRef => {
  if (machine.leader !== null && isAlive(machine.leader)) return machine.leader;
  throw new Error(`${machine.name} is off; start it first`);
};

/** The command line that runs `command` in the machine as root. See {@link commandInside} for what it proves and what not. */
export const insideCommand = (machine: MachineState, command: readonly string[]): Command =>
  commandInside(leaderOf(machine), machine.groups, command);

/** Runs a command in the machine to its end. Rejects only when the machine is off. */
export const execIn = async (
  machine: MachineState,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> => {
  const [program, args] = insideCommand(machine, command);
  return await run(program, args, options);
};

export const namespaceOf = (environment: EnvironmentState, place: Place): string => {
  if (place === "cloud") return environment.cloud;
  return place === "internet" ? environment.internet : place.namespace;
};

/** Runs a program of the host with the network of a place. */
export const runAt = (
  environment: EnvironmentState,
  place: Place,
  command: readonly string[],
  options: RunOptions = {},
): Promise<Outcome> => run("nsenter", [`--net=/run/netns/${namespaceOf(environment, place)}`, ...command], options);

export type SshOptions = {
  /** Private key file; left out: those of the caller's agent and configuration. */
  readonly identity?: string;
  readonly user?: string;
  readonly command?: readonly string[];
};

/**
 * A real SSH login: from the internet to a server with a public address, else from inside the server's own network, where no
 * firewall stands between. Host keys are not checked: a rebuilt server has new ones.
 */
export const sshCommand = (environment: EnvironmentState, machine: MachineState, options: SshOptions = {}): Command => {
  const host = machine.publicIpv4 ?? machine.privateIps[0] ?? "127.0.0.1";
  const place: Place = machine.publicIpv4 === null ? machine : "internet";
  return [
    "nsenter",
    [
      `--net=/run/netns/${namespaceOf(environment, place)}`,
      "ssh",
      ...["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "ConnectTimeout=10"].map(
        (o) => `-o${o}`,
      ),
      ...(options.identity === undefined ? [] : ["-i", options.identity, "-oIdentitiesOnly=yes"]),
      `${options.user ?? "root"}@${host}`,
      ...(options.command ?? []),
    ],
  ];
};

export type JournalOptions = { readonly unit?: string; readonly lines?: number; readonly follow?: boolean };

/** The command line that prints the machine's journal; also that of a machine which is off. */
export const journalCommand = (machine: MachineState, options: JournalOptions = {}): Command => {
  const args = [
    "journalctl",
    "--no-pager",
    ...(options.unit === undefined ? [] : [`--unit=${options.unit}`]),
    ...(options.lines === undefined ? [] : [`--lines=${options.lines}`]),
    ...(options.follow === true ? ["--follow"] : []),
  ];
  const isRunning = machine.leader !== null && isAlive(machine.leader);
  return isRunning ? insideCommand(machine, args) : ["chroot", [machine.root, ...args]];
};

export type BootState =
  | { readonly phase: "off" | "booting" }
  | { readonly phase: "ready"; readonly seconds: number }
  | { readonly phase: "failed"; readonly seconds: number; readonly errors: readonly string[] };

/** How far the machine's boot is: ready when cloud-init has finished, failed when it finished with errors. */
export const bootState = (machine: MachineState): BootState => {
  if (machine.startedAt === null) return { phase: "off" };
  // The last file cloud-init writes in a boot; a snapshot or a former boot leaves an older one.
  const file = join(machine.root, "var/lib/cloud/data/result.json");
  const finishedAt = existsSync(file) ? statSync(file).mtimeMs : 0;
  if (finishedAt < machine.startedAt) return { phase: "booting" };
  const seconds = (finishedAt - machine.startedAt) / 1000;
  const result = JSON.parse(readFileSync(file, "utf8")) as { readonly v1: { readonly errors: readonly string[] } };
  return result.v1.errors.length === 0
    ? { phase: "ready", seconds }
    : { phase: "failed", seconds, errors: result.v1.errors };
};

export type MachineStatus = {
  readonly machine: MachineState;
  readonly boot: BootState;
  /** Bytes the machine uses now, page cache included; null when it is off. */
  readonly memoryBytes: number | null;
};

export const statusOf = (environment: EnvironmentState): readonly MachineStatus[] =>
  environment.machines.map((machine) => ({
    machine,
    boot: bootState(machine),
    memoryBytes: machine.power === "running" ? memoryUse(machine.groups) : null,
  }));
