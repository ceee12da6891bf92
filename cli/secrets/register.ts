/** The `secrets` verbs of the command line. */
import { type Command, Option } from "commander";
import type { Progress } from "../progress.ts";
import type { Secrets } from "./context.ts";

type InstanceOption = { readonly instance?: string };

export type ProgressOf = (command: Command) => Promise<Progress>;

const instanceOption = (): Option =>
  new Option("--instance <name>", "the copy of this local cloud (default: the real stack, in your own backend)");

async function open(stack: string, { instance }: InstanceOption, progress: Progress): Promise<Secrets> {
  const { openLocalSecrets, openSecrets } = await import("./context.ts");
  if (instance === undefined) return await openSecrets(stack, progress);
  const { instanceNamed } = await import("../local/instance.ts");
  return await openLocalSecrets(stack, instanceNamed(instance), progress);
}

function registerMaking(secrets: Command, progressOf: ProgressOf): void {
  secrets
    .command("init")
    .description("make every secret the stack needs and has not, and store them encrypted in its config file")
    .argument("<stack>")
    .addOption(instanceOption())
    .action(async (stack: string, options: InstanceOption, command: Command) => {
      const { secretsInit } = await import("./verbs.ts");
      const progress = await progressOf(command);
      process.exitCode = await secretsInit(await open(stack, options, progress), progress);
    });
  secrets
    .command("rotate")
    .description("new values: of the named secrets, or of all that may change at any time")
    .argument("<stack>")
    .argument("[names...]")
    .option("--lose-encrypted", "also where what was encrypted with the old value is lost", false)
    .addOption(instanceOption())
    .action(
      async (
        stack: string,
        chosen: readonly string[],
        options: InstanceOption & { readonly loseEncrypted: boolean },
        command: Command,
      ) => {
        const { secretsRotate } = await import("./verbs.ts");
        const progress = await progressOf(command);
        await secretsRotate(await open(stack, options, progress), chosen, options, progress);
      },
    );
  secrets
    .command("set")
    .description("store a secret that comes from elsewhere, from a file or from standard input")
    .argument("<stack>")
    .argument("<name>")
    .option("--file <path>", "file that holds the value and nothing else")
    .addOption(instanceOption())
    .action(
      async (stack: string, name: string, options: InstanceOption & { readonly file?: string }, command: Command) => {
        const { secretsSet } = await import("./verbs.ts");
        const progress = await progressOf(command);
        process.exitCode = await secretsSet(await open(stack, options, progress), name, options.file, progress);
      },
    );
}

function registerLooking(secrets: Command, progressOf: ProgressOf): void {
  secrets
    .command("check")
    .description("what is missing, weak, wrong or about to expire; ends with 1 when anything is")
    .argument("<stack>")
    .addOption(instanceOption())
    .action(async (stack: string, options: InstanceOption, command: Command) => {
      const { secretsCheck } = await import("./verbs.ts");
      process.exitCode = await secretsCheck(await open(stack, options, await progressOf(command)));
    });
  secrets
    .command("list")
    .description("the secrets of a stack by name, with what they are for and who gets them")
    .argument("<stack>")
    .option("--json", "as JSON", false)
    .addOption(instanceOption())
    .action(async (stack: string, options: InstanceOption & { readonly json: boolean }, command: Command) => {
      const { secretsList } = await import("./verbs.ts");
      await secretsList(await open(stack, options, await progressOf(command)), options.json);
    });
}

export function registerSecrets(program: Command, progressOf: ProgressOf): void {
  const secrets = program
    .command("secrets")
    .description("passwords, keys and certificates of a stack, encrypted in its config file");
  registerMaking(secrets, progressOf);
  registerLooking(secrets, progressOf);
}
