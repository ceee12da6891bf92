import type { Plan } from "../plan/types.ts";

/**
 * What the program will decide for the stack file in `directory` (this repository's `stacks/` when undefined), without the
 * engine. A wrong config throws with every fault.
 */
export async function stackPlan(stack: string, directory: string | undefined): Promise<Plan> {
  const [{ planOfStack }, { loadPriceBook }] = await Promise.all([
    import("../cost/stacks.ts"),
    import("../cost/prices/book.ts"),
  ]);
  const book = loadPriceBook();
  return planOfStack(stack, book, book.date, directory);
}
