import { type Column, fittingTable } from "../format/table.ts";
import { loadPriceBook, type PriceBook, type PriceEntry } from "../prices/book.ts";
import { compareBook, type Difference, differenceText } from "../prices/compare.ts";
import { readLiveList } from "../prices/live.ts";
import { sourceOf } from "../prices/lookup.ts";
import { additionFor, writeAddition } from "../prices/update.ts";
import { CommandError, type Io } from "./io.ts";
import { checkDay } from "./options.ts";

export type ShowPricesOptions = { readonly at?: string; readonly history?: boolean; readonly json?: boolean };

export type LivePricesOptions = {
  readonly endpoint?: string;
  readonly read?: string;
  readonly stock?: boolean;
  readonly everyone?: boolean;
  readonly dryRun?: boolean;
  /** Folder of the book; the repository's own when left out. */
  readonly book?: string;
};

/** Exit code of `prices check` when the book is behind; 1 is for commands that could not run. */
export const behindExitCode = 3;

const inForce = (entry: PriceEntry, all: readonly PriceEntry[], at: string): boolean => {
  const begins = (other: PriceEntry): boolean => other.validFrom === null || other.validFrom <= at;
  const later = (other: PriceEntry): boolean =>
    other.item === entry.item &&
    begins(other) &&
    (other.validFrom ?? "") > (entry.validFrom ?? "") &&
    (entry.locations ?? [null]).every((location) => location === null || other.locations?.includes(location) === true);
  return begins(entry) && !all.some(later);
};

const columns = (book: PriceBook): readonly Column<PriceEntry>[] => [
  { head: "item", align: "left", drop: 0, cell: (entry) => entry.item },
  { head: "where", align: "left", drop: 1, cell: (entry) => entry.locations?.join(" ") ?? "everywhere" },
  { head: "net", align: "right", drop: 0, cell: (entry) => entry.net ?? "unknown" },
  { head: "per", align: "left", drop: 0, cell: (entry) => `${entry.currency}/${entry.unit}` },
  { head: "hour", align: "right", drop: 4, cell: (entry) => entry.hourlyNet ?? "" },
  { head: "since", align: "left", drop: 3, cell: (entry) => entry.validFrom ?? "" },
  { head: "until", align: "left", drop: 2, cell: (entry) => entry.validUntil ?? "" },
  { head: "read", align: "left", drop: 5, cell: (entry) => sourceOf(book, entry.source).read },
];

/** `prices show [filter]` */
export function showPrices(filter: string | undefined, options: ShowPricesOptions, io: Io): void {
  const book = loadPriceBook();
  const at = checkDay("--at", options.at) ?? book.date;
  const wanted = (entry: PriceEntry): boolean =>
    filter === undefined || entry.item.includes(filter) || entry.locations?.includes(filter) === true;
  const rows = book.prices
    .filter(wanted)
    .filter((entry) => options.history === true || inForce(entry, book.prices, at));
  if (rows.length === 0) {
    throw new CommandError(`filter: ${filter ?? "none"} given, the price book has no such item or location on ${at}`);
  }
  if (options.json === true) {
    io.out(
      JSON.stringify(
        { at, prices: rows.map((entry) => ({ ...entry, source: sourceOf(book, entry.source) })) },
        null,
        2,
      ),
    );
    return;
  }
  const sources = [...new Set(rows.map((entry) => entry.source))].map((id) => sourceOf(book, id));
  io.out(
    [
      `Prices of ${at}, net`,
      fittingTable(columns(book), rows, null, io),
      ...sources.map((source) => `Source   ${source.title}, read ${source.read}`),
    ].join("\n"),
  );
}

/** Where `pulumi up` and the hcloud CLI send their requests; HCLOUD_ENDPOINT moves all of them. */
const defaultEndpoint = "https://api.hetzner.cloud/v1";

const today = (): string => new Date().toISOString().slice(0, 10);

type Read = {
  readonly book: PriceBook;
  readonly endpoint: string;
  readonly read: string;
  readonly differences: readonly Difference[];
};

async function compared(options: LivePricesOptions): Promise<Read> {
  const token = process.env.HCLOUD_TOKEN ?? "";
  if (token === "") {
    throw new CommandError("HCLOUD_TOKEN: not set, Hetzner's price list needs a token; export a read-only one");
  }
  const endpoint = options.endpoint ?? process.env.HCLOUD_ENDPOINT ?? defaultEndpoint;
  if (!URL.canParse(endpoint)) throw new CommandError(`--endpoint: ${endpoint} given, it needs a URL that ends in /v1`);
  const read = checkDay("--read", options.read) ?? today();
  const book = loadPriceBook(options.book);
  const live = await readLiveList({ endpoint, token, read });
  return { book, endpoint, read, differences: compareBook(book, live, { at: read, stock: options.stock === true }) };
}

/** `prices check` */
export async function checkPrices(options: LivePricesOptions, io: Io): Promise<void> {
  const { differences, endpoint, book } = await compared(options);
  if (differences.length === 0) {
    io.out(`The price book of ${book.date} agrees with ${new URL(endpoint).host}.`);
    return;
  }
  io.out(
    [`${differences.length} differences from ${new URL(endpoint).host}:`, ...differences.map(differenceText)].join(
      "\n",
    ),
  );
  io.exit(behindExitCode);
}

/** `prices update` */
export async function updatePrices(options: LivePricesOptions, io: Io): Promise<void> {
  const { book, endpoint, read, differences } = await compared(options);
  const addition = additionFor(book, differences, {
    read,
    endpoint,
    serverScope: options.everyone === true ? "everyone" : "orders",
  });
  const { directory } = book;
  const count = addition.prices.length + addition.serverTypes.length;
  if (count === 0) {
    io.out(`The price book of ${book.date} agrees with ${new URL(endpoint).host}; nothing to add.`);
    return;
  }
  if (options.dryRun !== true) writeAddition(addition, directory);
  io.out(
    [
      ...differences.map(differenceText),
      `${options.dryRun === true ? "Would add" : "Added"} ${addition.prices.length} prices and ${addition.serverTypes.length} server types, read ${read}.`,
    ].join("\n"),
  );
}
