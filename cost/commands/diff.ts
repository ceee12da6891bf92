import { type DiffSide, diffSides } from "../diff/diff.ts";
import { type GateOptions, increasePattern } from "../diff/gate.ts";
import { commentLimit, diffMarkdown } from "../format/diff-markdown.ts";
import { diffTable } from "../format/diff-table.ts";
import type { CostDiff } from "../schema/cost-diff.ts";
import { type EvaluateOptions, evaluate } from "../sides/evaluate.ts";
import { chooseSides, type Side } from "../sides/side.ts";
import { CommandError, type Io } from "./io.ts";
import { checkDay, checkRate } from "./options.ts";

export type FormatOptions = {
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly html?: boolean;
  /** Bytes a comment may have. */
  readonly limit?: string;
};

export type ComparisonOptions = FormatOptions & {
  readonly at?: string;
  readonly usdPerEur?: string;
  readonly failOverBudget?: boolean;
  readonly maxIncrease?: string;
};

export type DiffOptions = ComparisonOptions & { readonly stack?: readonly string[] };

/** Exit code of a gate that says no; 1 is for commands that could not run. */
export const gateExitCode = 3;

/** What the command line asks of the gate. */
export function gateOptions(options: ComparisonOptions): GateOptions {
  const { maxIncrease } = options;
  if (maxIncrease !== undefined && !increasePattern.test(maxIncrease)) {
    throw new CommandError(
      `--max-increase: ${maxIncrease} given, it needs an amount a month with its unit; write it as 50eur, 50usd or 10%`,
    );
  }
  return { failOverBudget: options.failOverBudget === true, maxIncrease: maxIncrease ?? null };
}

/** Day and exchange rate for both sides. */
export const evaluateOptions = (options: ComparisonOptions): EvaluateOptions => ({
  at: checkDay("--at", options.at) ?? null,
  usdPerEur: checkRate(options.usdPerEur) ?? null,
});

async function evaluated(side: Side, options: EvaluateOptions): Promise<DiffSide> {
  return { label: side.label, ...(await evaluate(side, options)) };
}

function checkStacks(asked: readonly string[], base: DiffSide, head: DiffSide): void {
  const known = new Set([...base.snapshot.stacks, ...head.snapshot.stacks].map((stack) => stack.stack));
  for (const stack of asked) {
    if (!known.has(stack)) {
      throw new CommandError(
        `--stack: ${stack} given, neither side has it; choose from ${[...known].join(", ") || "none"}`,
      );
    }
  }
}

/** Prints a comparison in the format that was asked for and sets the exit code of its gate. */
export async function printDiff(diff: CostDiff, options: FormatOptions, io: Io): Promise<void> {
  if (options.json === true) io.out(JSON.stringify(diff, null, 2));
  else if (options.markdown === true) io.out(diffMarkdown(diff, markdownLimit(options.limit)));
  else if (options.html === true) {
    const { diffHtml } = await import("../format/diff-html.ts");
    io.out(await diffHtml(diff));
  } else io.out(diffTable(diff, io));
  if (!diff.gate.passed) io.exit(gateExitCode);
}

function markdownLimit(value: string | undefined): number {
  const limit = Number(value ?? commentLimit);
  if (!Number.isInteger(limit) || limit < 1) {
    throw new CommandError(`--limit: ${value} given, it needs a number of bytes such as ${commentLimit}`);
  }
  return limit;
}

/** `cost diff [base] [head]` */
export async function showDiff(
  base: string | undefined,
  head: string | undefined,
  options: DiffOptions,
  io: Io,
): Promise<void> {
  const gate = gateOptions(options);
  const evaluation = evaluateOptions(options);
  const sides = chooseSides(base, head);
  const [before, after] = await Promise.all([evaluated(sides.base, evaluation), evaluated(sides.head, evaluation)]);
  const asked = options.stack ?? [];
  checkStacks(asked, before, after);
  const diff = diffSides(before, after, asked, gate);
  await printDiff(diff, options, io);
}
