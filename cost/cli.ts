import type { Command } from "commander";
import { guarded, type Io, processIo } from "./commands/io.ts";

/**
 * Registers `cost`, `prices` and what belongs to them. Everything behind a command is imported when it runs, so that registering
 * costs nothing.
 */
export function registerCostCommands(program: Command, io: Io = processIo()): void {
  registerCost(program, io);
  registerPrices(program, io);
  registerForecast(program, io);
}

function registerCost(program: Command, io: Io): void {
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

  registerDiff(cost, io);
  registerPreview(cost, io);
  registerAlternatives(cost, io);
}

/** Options of commands that compare two sides. */
const comparison = (command: Command): Command =>
  command
    .option("--json", "as JSON (cost/schema/cost-diff.schema.json)")
    .option("--markdown", "as the comment of a pull request")
    .option("--limit <bytes>", "bytes the comment may have (default: 65535)")
    .option("--html", "as one self-contained page with charts")
    .option("--at <day>", "prices of that day on both sides")
    .option("--usd-per-eur <rate>", "exchange rate on both sides")
    .option("--fail-over-budget", "exit with 3 when a stack costs more than its budget")
    .option("--max-increase <amount>", "exit with 3 when a stack rises by more a month: 50eur, 50usd, 10%");

function registerPreview(cost: Command, io: Io): void {
  comparison(
    cost
      .command("preview-json")
      .description("price what the engine would do, replacements included: the output of pulumi preview --json")
      .argument("<file...>", "one file a stack, - for standard input"),
  ).action((files: readonly string[], _options: object, command: Command) =>
    guarded(io, async () => {
      const { showPreview } = await import("./commands/preview-json.ts");
      await showPreview(files, command.optsWithGlobals(), io);
    }),
  );
}

function registerDiff(cost: Command, io: Io): void {
  comparison(
    cost
      .command("diff")
      .description("what a change costs: two commits, folders or the working tree, by the plan and price code of each")
      .argument("[base]", "commit, branch or folder (default: where this branch left the main branch)")
      .argument("[head]", "commit, branch or folder (default: the working tree)")
      .option("--stack <name...>", "only these stacks"),
  ).action((base: string | undefined, head: string | undefined, _options: object, command: Command) =>
    guarded(io, async () => {
      const { showDiff } = await import("./commands/diff.ts");
      await showDiff(base, head, command.optsWithGlobals(), io);
    }),
  );
}

function registerAlternatives(cost: Command, io: Io): void {
  cost
    .command("alternatives")
    .description("cheaper server types that would satisfy each machine, and what is given up for them")
    .argument("[stack]", "stack to look at (default: phase2)")
    .option("--everywhere", "in every location, not only the stack's")
    .option("--at <day>", "offer of that day")
    .option("--json", "as JSON")
    .action((stack: string | undefined, _options: object, command: Command) =>
      guarded(io, async () => {
        const { showAlternatives } = await import("./commands/alternatives.ts");
        showAlternatives(stack, command.optsWithGlobals(), io);
      }),
    );
}

function registerPrices(program: Command, io: Io): void {
  const prices = program
    .command("prices")
    .description("the price book: show it, compare it with Hetzner's list, bring it up to date");
  prices
    .command("show")
    .description("prices with their days and sources")
    .argument("[filter]", "part of an item's name, or a location: ccx, volume, ash")
    .option("--at <day>", "prices of that day")
    .option("--history", "every reading, not only the one in force")
    .option("--json", "as JSON")
    .action((filter: string | undefined, _options: object, command: Command) =>
      guarded(io, async () => {
        const { showPrices } = await import("./commands/prices.ts");
        showPrices(filter, command.optsWithGlobals(), io);
      }),
    );
  live(prices.command("check").description("compare with Hetzner's price list; exits with 3 when they differ")).action(
    (_options: object, command: Command) =>
      guarded(io, async () => {
        const { checkPrices } = await import("./commands/prices.ts");
        await checkPrices(command.optsWithGlobals(), io);
      }),
  );
  live(
    prices
      .command("update")
      .description("add what Hetzner's price list says and the book does not; nothing is overwritten"),
  )
    .option("--everyone", "existing servers pay new server prices too, as on 2026-04-01")
    .option("--dry-run", "say what would be added")
    .action((_options: object, command: Command) =>
      guarded(io, async () => {
        const { updatePrices } = await import("./commands/prices.ts");
        await updatePrices(command.optsWithGlobals(), io);
      }),
    );
}

function registerForecast(program: Command, io: Io): void {
  program
    .command("forecast")
    .description("what growth will need and cost: users, load, stage and money by month")
    .option("--scenario <name>", "conservative, moderate, aggressive, all, or a YAML file (default: moderate)")
    .option("--months <number>", "months to look ahead (default: 24)")
    .option("--measured <file>", "limits found by load tests, in place of the capacity plan's")
    .option("--json", "as JSON (cost/schema/forecast.schema.json)")
    .option("--markdown", "as Markdown")
    .option("--html", "as one self-contained page with charts")
    .option("--svg <folder>", "only the charts, as files")
    .option("--at <day>", "prices of that day")
    .option("--usd-per-eur <rate>", "exchange rate instead of the price book's")
    .action((options: object) =>
      guarded(io, async () => {
        const { showForecast } = await import("./commands/forecast.ts");
        await showForecast(options, io);
      }),
    );
}

/** Options of commands that read the list; the token is HCLOUD_TOKEN. */
const live = (command: Command): Command =>
  command
    .option("--endpoint <url>", "API to ask (default: HCLOUD_ENDPOINT, then https://api.hetzner.cloud/v1)")
    .option("--read <day>", "day of the reading (default: today)")
    .option("--stock", "compare stock too, which changes by the hour")
    .option("--book <folder>", "folder of the book (default: the repository's)");
