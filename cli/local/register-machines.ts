/** The verbs of booted machines. */
import { type Command, Option } from "commander";
import type { Progress } from "../progress.ts";

type ProgressOf = (command: Command) => Promise<Progress>;

const instanceOption = (): Option =>
  new Option("--instance <name>", "which local cloud (default: the one that has the server)").env("CHITLAQ_INSTANCE");

const serverArgument = ["<server>", "a server's name, short (db-1) or full (chitlaq-phase2-db-1)"] as const;

function registerLooking(local: Command): void {
  local
    .command("ssh")
    .description("a root shell in a machine, or one command: local ssh db-1 -- chitlaq-health")
    .argument(...serverArgument)
    .argument("[command...]", "command to run, after --")
    .option("-i, --identity <file>", "log in through sshd with this private key; left out: enter from the host")
    .option("--user <name>", "log in through sshd as this user")
    .addOption(instanceOption())
    .action(async (server: string, command: readonly string[], options: object) => {
      const { localSsh } = await import("./machine-verbs.ts");
      process.exitCode = await localSsh(server, command, options);
    });
  local
    .command("logs")
    .description("the journal of a machine, also of one that is off")
    .argument(...serverArgument)
    .option("-f, --follow", "wait for what comes")
    .option("-u, --unit <unit>", "one unit: patroni, chitlaq-app")
    .option("-n, --lines <number>", "the newest lines only")
    .addOption(instanceOption())
    .action(async (server: string, options: object) => {
      const { localLogs } = await import("./machine-verbs.ts");
      process.exitCode = await localLogs(server, options);
    });
}

function registerPower(local: Command, progressOf: ProgressOf): void {
  local
    .command("kill")
    .description("end a machine at once; its peers' connections break")
    .argument(...serverArgument)
    .option("--power", "as a power cut: its peers learn nothing")
    .option("--restart", "start it again")
    .addOption(instanceOption())
    .action(async (server: string, options: object, command: Command) => {
      const { localKill } = await import("./machine-verbs.ts");
      await localKill(server, options, await progressOf(command));
    });
  local
    .command("start")
    .description("start a machine that is off")
    .argument(...serverArgument)
    .addOption(instanceOption())
    .action(async (server: string, options: object, command: Command) => {
      const { localStart } = await import("./machine-verbs.ts");
      await localStart(server, options, await progressOf(command));
    });
}

function registerNetwork(local: Command, progressOf: ProgressOf): void {
  local
    .command("partition")
    .description("cut a machine off the network: packets vanish both ways")
    .argument(...serverArgument)
    .addOption(instanceOption())
    .action(async (server: string, options: object, command: Command) => {
      const { localPartition } = await import("./machine-verbs.ts");
      await localPartition(server, options, await progressOf(command));
    });
  local
    .command("heal")
    .description("end the cut of a machine, or every cut")
    .argument("[server]", serverArgument[1])
    .addOption(instanceOption())
    .action(async (server: string | undefined, options: object, command: Command) => {
      const { localHeal } = await import("./machine-verbs.ts");
      await localHeal(server, options, await progressOf(command));
    });
}

export function registerMachines(local: Command, progressOf: ProgressOf): void {
  registerLooking(local);
  registerPower(local, progressOf);
  registerNetwork(local, progressOf);
}
