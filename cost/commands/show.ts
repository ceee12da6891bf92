import { costOutput, type EstimateOptions } from "../estimate.ts";
import { costMarkdown } from "../format/markdown.ts";
import { costTable } from "../format/table.ts";
import { loadPriceBook } from "../prices/book.ts";
import type { CostOutput } from "../schema/cost-output.ts";
import { chooseStacks, planOfStack } from "../stacks.ts";
import { explainLine } from "./explain.ts";
import type { Io } from "./io.ts";
import { checkDay, checkRate } from "./options.ts";

export type ShowOptions = {
  readonly json?: boolean;
  readonly markdown?: boolean;
  readonly all?: boolean;
  readonly at?: string;
  readonly usdPerEur?: string;
  readonly explain?: string;
};

/** The stack that commands mean when none is named, as `local up` does. */
export const defaultStack = "phase2";

function costsOf(stack: string | undefined, options: ShowOptions): readonly CostOutput[] {
  const book = loadPriceBook();
  const at = checkDay("--at", options.at) ?? book.date;
  const estimate: EstimateOptions = { at, usdPerEur: checkRate(options.usdPerEur) };
  const asked = options.all === true ? [] : [stack ?? defaultStack];
  return chooseStacks(asked).map((name) => costOutput(planOfStack(name, book, at), book, estimate));
}

/** `cost [stack]` */
export function showCost(stack: string | undefined, options: ShowOptions, io: Io): void {
  const costs = costsOf(stack, options);
  const { explain } = options;
  if (explain !== undefined) {
    io.out(costs.map((cost) => explainLine(cost, explain)).join("\n\n"));
  } else if (options.json === true) {
    io.out(JSON.stringify(options.all === true ? costs : costs[0], null, 2));
  } else if (options.markdown === true) {
    io.out(costs.map(costMarkdown).join("\n\n"));
  } else {
    io.out(costs.map((cost) => costTable(cost, io)).join("\n\n"));
  }
}
