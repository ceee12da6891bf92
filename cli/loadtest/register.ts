import { type Command, Option } from "commander";
import type { Progress } from "../progress.ts";
import type { LoadtestFlags } from "./verb.ts";

export function registerLoadtest(program: Command, progressOf: (command: Command) => Promise<Progress>): void {
  program
    .command("loadtest")
    .description(
      "load the API with the plan's mix and hold it to the plan's p95 and error rate; exits with 1 when missed",
    )
    .argument(
      "<target>",
      "URL of the real API (https://api.chitlaq.com), or a stack that runs on the local cloud (phase2)",
    )
    .option("--rate <number>", "calls a second; they arrive on time, answered or not", "10")
    .option("--duration <seconds>", "how long", "30")
    .option("--users <number>", "users who are online, each with a WebSocket; their accounts and posts stay", "16")
    .option("--ramp", "raise the rate by half until a threshold is missed")
    .option("--measured <file>", "with --ramp: write the limit that was found for ./chitlaq forecast --measured")
    .option("--stage <name>", "stage of the forecast it belongs to (default: the stack's)")
    .option("--from <address...>", "addresses of this host to come from; the platform limits each")
    .option("--ca <file>", "authority to trust, PEM")
    .option("--insecure", "trust any certificate")
    .addOption(
      new Option("--instance <name>", "local cloud of the stack (default: the stack's own)").env("CHITLAQ_INSTANCE"),
    )
    .option("--json", "as JSON")
    .action(async (target: string, options: LoadtestFlags, command: Command) => {
      const { loadtest } = await import("./verb.ts");
      process.exitCode = await loadtest(target, options, await progressOf(command));
    });
}
