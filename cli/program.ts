/**
 * The commands and their options. Nothing behind a command is loaded before it runs: `./chitlaq cost` must not pay for
 * the engine, nor `./chitlaq local` for the price book.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Command, Option } from "commander";
import { repoRoot } from "./paths.ts";
import type { Progress } from "./progress.ts";
import { registerBackup } from "./backup/register.ts";
import { registerImage } from "./image/register.ts";
import { registerLoadtest } from "./loadtest/register.ts";
import { registerMachines } from "./local/register-machines.ts";
import { registerSecrets } from "./secrets/register.ts";

type Global = { readonly quiet: boolean };
type JsonOption = { readonly json?: boolean };
type UpFlags = JsonOption & { readonly machines?: boolean };
type InstanceOption = { readonly instance?: string };

const ownVerbs = new Set([
  "ci",
  "local",
  "secrets",
  "image",
  "loadtest",
  "backup",
  "sample-app",
  "doctor",
  "test",
  "help",
]);

const instanceOption = (fallback: string): Option =>
  new Option("--instance <name>", `which local cloud; each has its own state and ports (default: ${fallback})`).env(
    "CHITLAQ_INSTANCE",
  );

async function progressOf(command: Command): Promise<Progress> {
  const { createProgress } = await import("./progress.ts");
  const { quiet } = command.optsWithGlobals<Global>();
  return createProgress({ quiet, stream: process.stderr });
}

function registerUp(local: Command): void {
  local
    .command("up")
    .description("start the local cloud, bring a stack up on it, print its endpoints and its cost")
    .argument("[stack]", "stack to bring up (default: phase2)")
    .option("--json", "print the stack's outputs as JSON")
    .option("--machines", "boot the servers (left out: where this host can, on Linux as root)")
    .option("--no-machines", "only answer the APIs")
    .addOption(instanceOption("the stack's own"))
    .action(async (given: string | undefined, options: InstanceOption & UpFlags, command: Command) => {
      const [{ localUp }, { chooseInstance, defaultStack }] = await Promise.all([
        import("./local/up.ts"),
        import("./local/instances.ts"),
      ]);
      const stack = given ?? defaultStack;
      const chosen = { machines: options.machines, json: options.json === true };
      await localUp(await chooseInstance(options.instance, stack), stack, chosen, await progressOf(command));
    });
}

/** Verbs that mean every instance unless one is named. */
function registerHousekeeping(local: Command): void {
  local
    .command("down")
    .description("stop the local cloud; its state stays")
    .addOption(instanceOption("all"))
    .action(async (options: InstanceOption, command: Command) => {
      const { localDown, namedOrAll } = await import("./local/verbs.ts");
      await localDown(await namedOrAll(options.instance), await progressOf(command));
    });
  local
    .command("status")
    .description("what runs, where it listens, which stacks it holds")
    .option("--json", "as JSON")
    .addOption(instanceOption("all"))
    .action(async (options: InstanceOption & JsonOption) => {
      const { localStatus, namedOrAll } = await import("./local/verbs.ts");
      await localStatus(await namedOrAll(options.instance), options.json === true);
    });
  local
    .command("reset")
    .description("stop the local cloud and forget its state and its stacks")
    .addOption(instanceOption("all"))
    .action(async (options: InstanceOption, command: Command) => {
      const { localReset, namedOrAll } = await import("./local/verbs.ts");
      await localReset(await namedOrAll(options.instance), await progressOf(command));
    });
}

function registerTools(local: Command): void {
  local
    .command("pulumi")
    .description("run the real pulumi against the local cloud, for example: -- preview --stack phase3 --diff")
    .argument("[arguments...]", "arguments of pulumi, after --")
    .addOption(instanceOption("the one of --stack, else the one that runs"))
    .action(async (args: readonly string[], options: InstanceOption, command: Command) => {
      const [{ localPulumi }, { chooseInstance, stackArgument }] = await Promise.all([
        import("./local/pulumi.ts"),
        import("./local/instances.ts"),
      ]);
      const instance = await chooseInstance(options.instance, stackArgument(args));
      process.exitCode = await localPulumi(instance, args, await progressOf(command));
    });
  local
    .command("env")
    .description('exports for your own pulumi, hcloud and API clients: eval "$(./chitlaq local env)"')
    .addOption(instanceOption("the one that runs"))
    .action(async (options: InstanceOption, command: Command) => {
      const [{ localEnv }, { chooseInstance }] = await Promise.all([
        import("./local/verbs.ts"),
        import("./local/instances.ts"),
      ]);
      await localEnv(await chooseInstance(options.instance, undefined), await progressOf(command));
    });
}

function registerLocal(program: Command): void {
  const local = program
    .command("local")
    .description("the local cloud: Hetzner's and Cloudflare's APIs on this machine");
  registerUp(local);
  registerHousekeeping(local);
  registerTools(local);
  registerMachines(local, progressOf);
}

function registerSampleApp(program: Command): void {
  program
    .command("sample-app")
    .description("build the sample application, which stacks without a release of their own run")
    .action(async (_options: unknown, command: Command) => {
      const { ensureSampleApp } = await import("./sample-app.ts");
      await ensureSampleApp(await progressOf(command));
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
  registerSecrets(program, progressOf);
  registerImage(program, progressOf);
  registerLoadtest(program, progressOf);
  registerBackup(program);
  registerSampleApp(program);
  registerDoctor(program);
  registerTest(program);
  const { registerCiCommands } = await import("./ci/register.ts");
  registerCiCommands(program, progressOf);
  return program;
}
