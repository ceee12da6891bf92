import { setTimeout as sleep } from "node:timers/promises";
import { execIn, runAt } from "./access.ts";
import { isAlive } from "./environment.ts";
import type { EnvironmentState, MachineState } from "./state.ts";

const goneTimeoutMs = 30_000;

const quoted = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");

const editFaults = async (environment: EnvironmentState, lines: readonly string[]): Promise<void> => {
  const { code, stderr } = await runAt(environment, "cloud", ["nft", "-f", "-"], { input: `${lines.join("\n")}\n` });
  if (code !== 0) throw new Error(`packet filter of ${environment.cloud}: ${stderr.trim()}`);
};

const add = (set: string, elements: string): string => `add element inet faults ${set} { ${elements} }`;
const remove = (set: string, elements: string): string => `delete element inet faults ${set} { ${elements} }`;

/** Cuts a machine off from everything: packets vanish both ways, links stay up, as when a switch fails. Lasts until {@link heal}. */
export const cut = async (environment: EnvironmentState, machine: MachineState): Promise<void> => {
  if (machine.devices.length > 0) await editFaults(environment, [add("cut", quoted(machine.devices))]);
};

/** Ends a {@link cut}; does nothing when there is none. */
export const heal = async (environment: EnvironmentState, machine: MachineState): Promise<void> => {
  const elements = quoted(machine.devices);
  // Deleting what is not there is an error of nftables, adding what is there is none.
  if (elements !== "") await editFaults(environment, [add("cut", elements), remove("cut", elements)]);
};

const pairsOf = (a: MachineState, b: MachineState): string =>
  a.devices.flatMap((x) => b.devices.flatMap((y) => [`"${x}" . "${y}"`, `"${y}" . "${x}"`])).join(", ");

/** Cuts the way between two machines; both still reach everybody else. */
export const cutBetween = (environment: EnvironmentState, a: MachineState, b: MachineState): Promise<void> =>
  editFaults(environment, [add("pairs", pairsOf(a, b))]);

export const healBetween = (environment: EnvironmentState, a: MachineState, b: MachineState): Promise<void> =>
  editFaults(environment, [add("pairs", pairsOf(a, b)), remove("pairs", pairsOf(a, b))]);

/** Ends every cut of the environment. */
export const healAll = (environment: EnvironmentState): Promise<void> =>
  editFaults(environment, ["flush set inet faults cut", "flush set inet faults pairs"]);

const kill = async (machine: MachineState): Promise<void> => {
  const { leader, nspawn } = machine;
  if (leader === null || nspawn === null || !isAlive(leader)) return;
  process.kill(leader.pid, "SIGKILL");
  for (const deadline = Date.now() + goneTimeoutMs; isAlive(nspawn); await sleep(10)) {
    if (Date.now() > deadline)
      throw new Error(`${machine.name} is still there ${goneTimeoutMs / 1000} s after it was killed`);
  }
};

/**
 * Kills the whole machine at once. Its kernel lives on and closes the connections, so peers learn of it at once: kinder than
 * reality. For figures use {@link powerLoss}. The server is off afterwards, without the API having asked.
 */
export const crash = (machine: MachineState): Promise<void> => kill(machine);

/** Takes the power from a machine: it is silent first and dead then, so peers learn nothing. The server is off afterwards. */
export const powerLoss = async (environment: EnvironmentState, machine: MachineState): Promise<void> => {
  const elements = quoted(machine.devices);
  if (elements !== "") await editFaults(environment, [add("power", elements)]);
  await kill(machine);
  // By now its cards have no carrier, and with the power back they must work.
  if (elements !== "") await editFaults(environment, [remove("power", elements)]);
};

/** Reboots from inside, in order; the machine comes back by itself. Resolves when it goes down. */
export const reboot = async (machine: MachineState): Promise<void> => {
  const { nspawn } = machine;
  await execIn(machine, ["systemctl", "reboot"]);
  for (const deadline = Date.now() + 90_000; nspawn !== null && isAlive(nspawn); await sleep(20)) {
    if (Date.now() > deadline) throw new Error(`${machine.name} did not go down for its reboot within 90 s`);
  }
};

/** Stops a unit in order, or kills its processes and leaves what follows to its `Restart=`. */
export const stopUnit = async (machine: MachineState, unit: string, how: "stop" | "kill"): Promise<void> => {
  const command = how === "stop" ? ["systemctl", "stop", unit] : ["systemctl", "kill", "--signal=KILL", unit];
  const { code, stderr } = await execIn(machine, command);
  if (code !== 0) throw new Error(`${machine.name}: ${command.join(" ")}: ${stderr.trim()}`);
};
