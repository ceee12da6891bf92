import { type Command, Option } from "commander";
import type { Progress } from "../progress.ts";
import type { ImageFlags } from "./verb.ts";

export function registerImage(program: Command, progressOf: (command: Command) => Promise<Progress>): void {
  program
    .command("image")
    .description("bake the packages of all roles into a Hetzner snapshot, so that new machines need not fetch them")
    .option("--location <name>", "where to bake; the snapshot can be used everywhere", "fsn1")
    .option("--force", "bake although a snapshot of these packages exists, for newer versions of them")
    .addOption(
      new Option("--instance <name>", "in a local cloud instead of HCLOUD_TOKEN's project").env("CHITLAQ_INSTANCE"),
    )
    .option("--json", "as JSON")
    .action(async (options: ImageFlags, command: Command) => {
      const { image } = await import("./verb.ts");
      await image(options, await progressOf(command));
    });
}
