import { type Alternative, alternatives } from "../alternatives.ts";
import { shortNames, signedCents } from "../format/rows.ts";
import { type Column, fittingTable } from "../format/table.ts";
import { Dec } from "../money.ts";
import { loadPriceBook } from "../prices/book.ts";
import { chooseStacks, planOfStack } from "../stacks.ts";
import type { Io } from "./io.ts";
import { checkDay } from "./options.ts";
import { defaultStack } from "./show.ts";

export type AlternativesOptions = { readonly json?: boolean; readonly at?: string; readonly everywhere?: boolean };

const columns: readonly Column<Alternative>[] = [
  { head: "machines", align: "left", drop: 0, cell: (row) => shortNames(row.machines) },
  {
    head: "now",
    align: "left",
    drop: 4,
    cell: (row) => `${row.current.serverType}${row.current.locked ? " (old price)" : ""}`,
  },
  { head: "instead", align: "left", drop: 0, cell: (row) => `${row.serverType} in ${row.locations.join(", ")}` },
  { head: "CPU", align: "left", drop: 3, cell: (row) => row.cpu },
  { head: "each", align: "right", drop: 2, cell: (row) => row.net },
  { head: "EUR/month", align: "right", drop: 0, cell: (row) => signedCents(new Dec(row.saving).negated().toString()) },
  { head: "given up", align: "left", drop: 1, cell: (row) => row.givenUp.join("\n") || "nothing" },
];

/** `cost alternatives [stack]` */
export function showAlternatives(stack: string | undefined, options: AlternativesOptions, io: Io): void {
  const book = loadPriceBook();
  const at = checkDay("--at", options.at) ?? book.date;
  const [name = defaultStack] = chooseStacks([stack ?? defaultStack]);
  const plan = planOfStack(name, book, at);
  const all = alternatives(plan, book, at);
  const shown = options.everywhere === true ? all : all.filter((row) => row.locations.includes(plan.location));
  if (options.json === true) {
    io.out(JSON.stringify({ version: 1, stack: name, at, alternatives: shown }, null, 2));
    return;
  }
  const place = options.everywhere === true ? "in every location" : `in ${plan.location}`;
  io.out(
    [
      `${name}: the cheapest types ${place} that satisfy each machine's profile, prices of ${at}. Nothing is changed.`,
      shown.length === 0 ? "There are none." : fittingTable(columns, shown, null, io),
    ].join("\n"),
  );
}
