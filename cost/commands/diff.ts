import { type DiffSide, diffSides } from "../diff/diff.ts";
import { type GateOptions, increasePattern } from "../diff/gate.ts";
import { diffMarkdown } from "../format/diff-markdown.ts";
import { diffTable } from "../format/diff-table.ts";
import type { CostDiff } from "../schema/cost-diff.ts";
import { type EvaluateOptions, evaluate } from "../sides/evaluate.ts";
import { chooseSides, type Side } from "../sides/side.ts";
import { CommandError, type Io } from "./io.ts";
import { checkDay, checkRate } from "./options.ts";

export type DiffOptions = {
  readonly stack?: readonly string[];
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly html?: boolean;
  readonly at?: string;
  readonly usdPerEur?: string;
  readonly failOverBudget?: boolean;
  readonly maxIncrease?: string;
};

/** Exit code of a gate that says no; 1 is for commands that could not run. */
export const gateExitCode = 3;

function gateOptions(options: DiffOptions): GateOptions {
  const { maxIncrease } = options;
  if (maxIncrease !== undefined && !increasePattern.test(maxIncrease)) {
    throw new CommandError(
      `--max-increase: ${maxIncrease} given, it needs an amount a month with its unit; write it as 50eur, 50usd or 10%`,
    );
  }
  return { failOverBudget: options.failOverBudget === true, maxIncrease: maxIncrease ?? null };
}

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

async function formatted(diff: CostDiff, options: DiffOptions, io: Io): Promise<string> {
  if (options.json === true) return JSON.stringify(diff, null, 2);
  if (options.markdown === true) return diffMarkdown(diff);
  if (options.html === true) {
    const { diffHtml } = await import("../format/diff-html.ts");
    return diffHtml(diff);
  }
  return diffTable(diff, io);
}

/** `cost diff [base] [head]` */
export async function showDiff(
  base: string | undefined,
  head: string | undefined,
  options: DiffOptions,
  io: Io,
): Promise<void> {
  const gate = gateOptions(options);
  const evaluation: EvaluateOptions = {
    at: checkDay("--at", options.at) ?? null,
    usdPerEur: checkRate(options.usdPerEur) ?? null,
  };
  const sides = chooseSides(base, head);
  const [before, after] = await Promise.all([evaluated(sides.base, evaluation), evaluated(sides.head, evaluation)]);
  const asked = options.stack ?? [];
  checkStacks(asked, before, after);
  const diff = diffSides(before, after, asked, gate);
  io.out(await formatted(diff, options, io));
  if (!diff.gate.passed) io.exit(gateExitCode);
}
