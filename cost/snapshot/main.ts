import { parseArgs } from "node:util";
import { loadPriceBook } from "../prices/book.ts";
import { takeSnapshot } from "./take.ts";

/**
 * Prints the snapshot of a folder of stacks, worked out by the code this file belongs to: how `cost diff` runs the plan
 * code of another commit.
 */
const { values } = parseArgs({
  options: {
    stacks: { type: "string" },
    book: { type: "string" },
    at: { type: "string" },
    "usd-per-eur": { type: "string" },
  },
});

if (values.stacks === undefined) throw new Error("--stacks: missing, name the folder with the stack files");

const snapshot = takeSnapshot({
  stacksDirectory: values.stacks,
  book: loadPriceBook(values.book),
  at: values.at ?? null,
  usdPerEur: values["usd-per-eur"] ?? null,
});

process.stdout.write(JSON.stringify(snapshot));
