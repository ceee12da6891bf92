import { join } from "node:path";
import { Command } from "commander";
import { parsePlatform } from "../../config/parse.ts";
import { readStackPlatform } from "../../config/stack-file.ts";
import { serverTypeCatalogue } from "../../cost/catalogue.ts";
import { registerCostCommands } from "../../cost/cli.ts";
import { loadPriceBook, type PriceBook } from "../../cost/prices/book.ts";
import { buildPlan } from "../../plan/build.ts";
import type { Plan } from "../../plan/types.ts";

export const book: PriceBook = loadPriceBook();

export const goldenDirectory = join(import.meta.dirname, "..", "golden", "cost");

/** A platform value as YAML would give it. */
export type Raw = Readonly<Record<string, unknown>>;

export const rawPlatform = (phase: 1 | 2 | 3, overrides: Raw = {}): Raw => ({
  phase,
  domain: "chitlaq.com",
  ssh: {
    publicKeys: { operations: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx" },
  },
  ...overrides,
});

/** The plan of a platform value, with the catalogue of the committed price book. */
export const planOf = (raw: unknown, stack = "test", at: string = book.date): Plan =>
  buildPlan(parsePlatform(raw), { stack, catalogue: serverTypeCatalogue(book, at) });

export const committedPlan = (stack: string): Plan => planOf(readStackPlatform(stack), stack);

export type Ran = { readonly out: string; readonly err: string; readonly code: number };

/** Runs a command line through commander with its own streams. */
export async function run(
  args: readonly string[],
  terminal: { readonly columns?: number; readonly color?: boolean } = {},
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  let code = 0;
  const program = new Command("chitlaq").exitOverride();
  registerCostCommands(program, {
    out: (text) => out.push(text),
    err: (text) => err.push(text),
    columns: terminal.columns ?? 120,
    color: terminal.color ?? false,
    exit: (status) => {
      code = status;
    },
  });
  await program.parseAsync([...args], { from: "user" });
  return { out: out.join("\n"), err: err.join("\n"), code };
}
