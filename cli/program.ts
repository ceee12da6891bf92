/**
 * The commands and their options. Nothing behind a command is loaded before it runs: `./chitlaq cost` must not pay for
 * the engine, nor `./chitlaq local` for the price book.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { repoRoot } from "./paths.ts";
import type { Progress } from "./progress.ts";

type Global = { readonly quiet: boolean };
type InstanceOption = { readonly instance: string };

const ownVerbs = new Set(["local", "doctor", "test", "help"]);

const instanceOption = (): Option =>
  new Option("--instance <name>", "which local cloud; each has its own state and ports").default("default");

async function progressOf(command: Command): Promise<Progress> {
  const { createProgress } = await import("./progress.ts");
  const { quiet } = command.optsWithGlobals<Global>();
  return createProgress({ quiet, stream: process.stderr });
}

const instanceOf = async (command: Command) => {
  const { instanceNamed } = await import("./local/instance.ts");
  return instanceNamed(command.optsWithGlobals<InstanceOption>().instance);
};

function registerUp(local: Command): void {
  local
    .command("up")
    .description("start the local cloud, bring a stack up on it, print its endpoints and its cost")
    .argument("[stack]", "stack to bring up", "phase2")
    .option("--json", "print the stack's outputs as JSON")
    .addOption(instanceOption())
    .action(async (stack: string, options: { readonly json?: boolean }, command: Command) => {
      const { localUp } = await import("./local/up.ts");
      const chosen = { machines: false, json: options.json === true };
      await localUp(await instanceOf(command), stack, chosen, await progressOf(command));
    });
}

function registerLocal(program: Command): void {
  const local = program
    .command("local")
    .description("the local cloud: Hetzner's and Cloudflare's APIs on this machine");
  registerUp(local);
  local
    .command("down")
    .description("stop the local cloud; its state stays")
    .addOption(instanceOption())
    .action(async (_options: unknown, command: Command) => {
      const { localDown } = await import("./local/verbs.ts");
      await localDown(await instanceOf(command), await progressOf(command));
    });
  local
    .command("status")
    .description("what runs, where it listens, which stacks it holds")
    .option("--json", "as JSON")
    .addOption(instanceOption())
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const { localStatus } = await import("./local/verbs.ts");
      await localStatus(await instanceOf(command), options.json === true);
    });
  local
    .command("reset")
    .description("stop the local cloud and forget its state and its stacks")
    .addOption(instanceOption())
    .action(async (_options: unknown, command: Command) => {
      const { localReset } = await import("./local/verbs.ts");
      await localReset(await instanceOf(command), await progressOf(command));
    });
  local
    .command("pulumi")
    .description("run the real pulumi against the local cloud, for example: -- preview --stack phase3 --diff")
    .argument("[arguments...]", "arguments of pulumi, after --")
    .addOption(instanceOption())
    .action(async (args: readonly string[], _options: unknown, command: Command) => {
      const { localPulumi } = await import("./local/verbs.ts");
      process.exitCode = await localPulumi(await instanceOf(command), args, await progressOf(command));
    });
  local
    .command("env")
    .description('exports for your own pulumi, hcloud and API clients: eval "$(./chitlaq local env)"')
    .addOption(instanceOption())
    .action(async (_options: unknown, command: Command) => {
      const { localEnv } = await import("./local/verbs.ts");
      await localEnv(await instanceOf(command), await progressOf(command));
    });
}

function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("what is present, what is missing, how to get it")
    .option("--json", "as JSON")
    .action(async (options: { readonly json?: boolean }) => {
      const { doctor } = await import("./doctor/doctor.ts");
      process.exitCode = await doctor(options.json === true);
    });
}

function registerTest(program: Command): void {
  program
    .command("test")
    .description("run the tests; the last line counts them")
    .argument("[arguments...]", "arguments of test/run.ts, for example: --tier quick")
    .allowUnknownOption()
    .helpOption(false)
    .action(async (args: readonly string[]) => {
      const { runTests } = await import("./test-command.ts");
      process.exitCode = await runTests(args);
    });
}

const version = (): string =>
  (JSON.parse(readFileSync(join(repoRoot, "package.json"), "utf8")) as { readonly version: string }).version;

/** First word that is not an option: the verb. */
const verbOf = (args: readonly string[]): string | undefined => args.find((word) => !word.startsWith("-"));

/** The whole command line; `args` are those after the program's name. */
export async function buildProgram(args: readonly string[]): Promise<Command> {
  const program = new Command("chitlaq")
    .description("ChitLaq's infrastructure: three phases from one Pulumi program, priced and proven on a local cloud")
    .version(version())
    .option("-q, --quiet", "no progress, only results and errors", false)
    .showHelpAfterError("(./chitlaq --help shows every command)");
  registerLocal(program);
  if (!ownVerbs.has(verbOf(args) ?? "help") || args.includes("--help") || verbOf(args) === "help") {
    const { registerCostCommands } = await import("../cost/cli.ts");
    registerCostCommands(program);
  }
  registerDoctor(program);
  registerTest(program);
  return program;
}
