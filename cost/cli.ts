import type { Command } from "commander";
import { guarded, type Io, processIo } from "./commands/io.ts";

/**
 * Registers `cost` with its subcommands. Everything behind a command is imported when it runs, so that registering
 * costs nothing.
 */
export function registerCostCommands(program: Command, io: Io = processIo()): void {
  const cost = program
    .command("cost")
    .description("cost of a stack, worked out from its config: no engine, no network, no cloud")
    .argument("[stack]", "stack to price (default: phase2)")
    .option("--all", "every stack")
    .option("--json", "as JSON (cost/schema/cost-output.schema.json)")
    .option("--markdown", "as Markdown")
    .option("--at <day>", "prices of that day, such as 2026-03-01")
    .option("--usd-per-eur <rate>", "exchange rate instead of the price book's")
    .option("--explain <line>", "where the figures of a line, machine or part come from")
    .action((stack: string | undefined, options: object) =>
      guarded(io, async () => {
        const { showCost } = await import("./commands/show.ts");
        showCost(stack, options, io);
      }),
    );

  cost
    .command("diff")
    .description("what a change costs: two commits, folders or the working tree, by the plan and price code of each")
    .argument("[base]", "commit, branch or folder (default: where this branch left the main branch)")
    .argument("[head]", "commit, branch or folder (default: the working tree)")
    .option("--stack <name...>", "only these stacks")
    .option("--json", "as JSON (cost/schema/cost-diff.schema.json)")
    .option("--markdown", "as the comment of a pull request")
    .option("--html", "as one self-contained page with charts")
    .option("--at <day>", "prices of that day on both sides")
    .option("--usd-per-eur <rate>", "exchange rate on both sides")
    .option("--fail-over-budget", "exit with 3 when a stack costs more than its budget")
    .option("--max-increase <amount>", "exit with 3 when a stack rises by more a month: 50eur, 50usd, 10%")
    .action((base: string | undefined, head: string | undefined, _options: object, command: Command) =>
      guarded(io, async () => {
        const { showDiff } = await import("./commands/diff.ts");
        await showDiff(base, head, command.optsWithGlobals(), io);
      }),
    );
}
