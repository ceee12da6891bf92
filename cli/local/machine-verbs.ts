/** `local ssh`, `logs`, `kill`, `start`, `partition` and `heal`: looking into a machine and breaking it. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Command, insideCommand, journalCommand, sshCommand } from "../../local/machines/access.ts";
import { crash, cut, heal, healAll, powerLoss } from "../../local/machines/faults.ts";
import { Fault } from "../errors.ts";
import { act, type Waiting } from "../hetzner-action.ts";
import { interruption } from "../interrupt.ts";
import { until } from "../process/pause.ts";
import type { Progress } from "../progress.ts";
import { createApi } from "../recovery/api.ts";
import { findTarget, machineTargets, type MachineTarget } from "./machines.ts";

export type Chosen = { readonly instance?: string };

/** Hands the terminal over. Unlike `run`, in our own session: a shell needs the terminal that controls it. */
async function handOver([program, args]: Command): Promise<number> {
  const child: ChildProcess = spawn(program, args, { stdio: "inherit" });
  const [code] = (await once(child, "close")) as [number | null];
  interruption.throwIfAborted();
  return code ?? 255;
}

/** The host's terminal has no name in the machine: script(1) makes one that has. */
const shell = (): readonly string[] =>
  process.stdin.isTTY
    ? ["script", "--quiet", "--return", "--command", "bash --login", "/dev/null"]
    : ["bash", "--login"];

export type SshFlags = Chosen & { readonly identity?: string; readonly user?: string };

/**
 * A root shell in the machine, or a command. Without a key it is entered from the host, which works also when its network
 * does not; with one it is a real login.
 */
export async function localSsh(server: string, command: readonly string[], flags: SshFlags): Promise<number> {
  const { environment, machine } = await findTarget(server, flags.instance);
  requireOn(machine);
  if (flags.identity === undefined && flags.user === undefined) {
    return handOver(insideCommand(machine, command.length === 0 ? shell() : command));
  }
  const { identity, user } = flags;
  const options = { command, ...(identity === undefined ? {} : { identity }), ...(user === undefined ? {} : { user }) };
  return handOver(sshCommand(environment, machine, options));
}

function requireOn({ name, power }: MachineTarget["machine"]): void {
  if (power !== "running") throw new Fault(`${name} is off.`, [`start it: ./chitlaq local start ${name}`]);
}

export type LogsFlags = Chosen & { readonly follow?: boolean; readonly unit?: string; readonly lines?: string };

/** The machine's journal; also that of a machine which is off. */
export async function localLogs(server: string, flags: LogsFlags): Promise<number> {
  const { machine } = await findTarget(server, flags.instance);
  const lines = flags.lines === undefined ? undefined : Number(flags.lines);
  if (lines !== undefined && !(Number.isInteger(lines) && lines >= 0)) {
    throw new Fault(`--lines: ${flags.lines} given, it is a whole number of lines`);
  }
  const { follow, unit } = flags;
  const options = {
    ...(follow === true ? { follow } : {}),
    ...(unit === undefined ? {} : { unit }),
    ...(lines === undefined ? {} : { lines }),
  };
  return handOver(journalCommand(machine, options));
}

const waiting: Waiting = { signal: interruption, timeoutMs: 120_000, everyMs: 100 };

const hetznerOf = ({ endpoints }: MachineTarget) => createApi(endpoints.hetzner, interruption);

/** Waits until the API has seen that the machine is off: it answers "already on" before. */
async function seenOff(target: MachineTarget): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const answer = (await hetznerOf(target).get(`/servers/${target.machine.id}`)) as {
      readonly server: { readonly status: string };
    };
    return answer.server.status === "off" ? true : undefined;
  };
  if ((await until(look, { everyMs: 50, timeoutMs: 15_000 }, interruption)) === undefined) {
    throw new Fault(`${target.machine.name}: the API still shows it as running after 15 s`);
  }
}

const powerOn = async (target: MachineTarget): Promise<void> => {
  await act(hetznerOf(target), `/servers/${target.machine.id}/actions/poweron`, {}, waiting);
};

export type KillFlags = Chosen & { readonly power?: boolean; readonly restart?: boolean };

/** Ends a machine at once, as a crash or a power cut would. */
export async function localKill(server: string, flags: KillFlags, progress: Progress): Promise<void> {
  const target = await findTarget(server, flags.instance);
  const { environment, machine } = target;
  requireOn(machine);
  if (flags.power === true) await powerLoss(environment, machine);
  else await crash(machine);
  await seenOff(target);
  if (flags.restart !== true) {
    progress.say(`${machine.name} is dead. Back with: ./chitlaq local start ${server}`);
    return;
  }
  await progress.step(`Starting ${machine.name}`, () => powerOn(target));
}

export async function localStart(server: string, flags: Chosen, progress: Progress): Promise<void> {
  const target = await findTarget(server, flags.instance);
  if (target.machine.power === "running") {
    progress.say(`${target.machine.name} is running.`);
    return;
  }
  await progress.step(`Starting ${target.machine.name}`, () => powerOn(target));
}

/** Cuts a machine off the network: links stay up, packets vanish both ways. */
export async function localPartition(server: string, flags: Chosen, progress: Progress): Promise<void> {
  const { environment, machine } = await findTarget(server, flags.instance);
  requireOn(machine);
  await cut(environment, machine);
  progress.say(`${machine.name} reaches nobody. End it with: ./chitlaq local heal ${server}`);
}

/** Ends the cut of one machine, or every cut. */
export async function localHeal(server: string | undefined, flags: Chosen, progress: Progress): Promise<void> {
  if (server !== undefined) {
    const { environment, machine } = await findTarget(server, flags.instance);
    await heal(environment, machine);
    progress.say(`${machine.name} is back on the network.`);
    return;
  }
  for (const { environment, instance } of await machineTargets(flags.instance)) {
    await healAll(environment);
    progress.say(`Every server of ${instance.name} is on the network.`);
  }
}
