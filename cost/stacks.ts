import { parsePlatform } from "../config/parse.ts";
import { listStacks, readStackPlatform } from "../config/stack-file.ts";
import { buildPlan } from "../plan/build.ts";
import type { Plan } from "../plan/types.ts";
import { serverTypeCatalogue } from "./catalogue.ts";
import { CommandError } from "./commands/io.ts";
import type { PriceBook } from "./prices/book.ts";

/** Stacks with a file, checked against the ones asked for; none asked for means all. */
export function chooseStacks(asked: readonly string[], dir?: string): readonly string[] {
  const known = listStacks(dir);
  for (const stack of asked) {
    if (!known.includes(stack)) {
      throw new CommandError(
        `stack: ${stack} given, there is no stacks/Pulumi.${stack}.yaml; choose one of ${known.join(", ") || "none"}`,
      );
    }
  }
  return asked.length === 0 ? known : asked;
}

/** The plan of a stack's file, without the engine. The catalogue is the offer of the day in `at`. */
export const planOfStack = (stack: string, book: PriceBook, at: string, dir?: string): Plan =>
  buildPlan(parsePlatform(readStackPlatform(stack, dir)), { stack, catalogue: serverTypeCatalogue(book, at) });
