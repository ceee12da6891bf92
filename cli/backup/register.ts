import { type Command, Option } from "commander";
import type { StatusFlags } from "./status.ts";

export function registerBackup(program: Command): void {
  program
    .command("backup")
    .description("backups of a stack's data")
    .command("status")
    .description(
      "age and size of the newest backup, the log archive, the last verified restore, the copies of files; exits with 1 when too old",
    )
    .argument("[stack]", "stack to ask", "phase2")
    .option("--local", "the stack on the local cloud instead of at Hetzner")
    .addOption(new Option("--instance <name>", "which local cloud (default: the stack's own)").env("CHITLAQ_INSTANCE"))
    .option("--json", "as JSON")
    .action(async (stack: string, options: StatusFlags) => {
      const { backupStatus } = await import("./status.ts");
      process.exitCode = await backupStatus(stack, options);
    });
}
