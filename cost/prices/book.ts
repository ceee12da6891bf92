import { readFileSync } from "node:fs";
import { join } from "node:path";

/**
 * The price book: every price with its currency, unit, place, days and source. Data files are JSON lines, one reading a
 * line, and only ever grow: a new price is a new line.
 */

export type Unit = "month" | "GB-month" | "TB" | "TB-hour" | "GB" | "million" | "percent";

export type PriceEntry = {
  /** `server:ccx23`, `volume`, `cloudflare-plan:pro`. */
  readonly item: string;
  /** Locations it holds for; null for everywhere. */
  readonly locations: readonly string[] | null;
  readonly currency: "EUR" | "USD";
  readonly unit: Unit;
  /** Net price of one unit, a decimal string. Null: it is known to have changed that day, but not to what. */
  readonly net: string | null;
  /** Net price of one hour for what is billed by the hour up to `net` a month. */
  readonly hourlyNet: string | null;
  /** First day; null for as long as the book goes back. */
  readonly validFrom: string | null;
  /**
   * Last day on which an order got this price. Null: until a line with a later `validFrom`, so that a new price needs no
   * change to an old line.
   */
  readonly validUntil: string | null;
  /** `everyone`: existing resources moved to it on `validFrom`. `orders`: only orders and rescales from then on. */
  readonly scope: "everyone" | "orders";
  /** Id of a {@link Source}. */
  readonly source: string;
};

export type Source = {
  readonly id: string;
  /** Day it was read. */
  readonly read: string;
  readonly title: string;
};

/** Where and since when a server type is sold, and what it includes there. */
export type SoldIn = {
  readonly locations: readonly string[];
  /** TB of 2^40 bytes a month. */
  readonly includedTrafficTB: number;
  readonly from: string | null;
  /** Last day it could be ordered; null while it can. */
  readonly until: string | null;
  /** Stock on the day it was read. It changes within hours and decides nothing here. */
  readonly stock: { readonly available: boolean; readonly read: string } | null;
};

/** Of several lines with one name the last one holds. */
export type ServerTypeEntry = {
  readonly name: string;
  readonly vcpu: number;
  readonly memoryGiB: number;
  readonly diskGiB: number;
  readonly cpu: "shared" | "dedicated";
  readonly architecture: "x86" | "arm";
  readonly sold: readonly SoldIn[];
  readonly source: string;
};

export type ExchangeRate = { readonly date: string; readonly usdPerEur: string; readonly source: string };

export type PriceBook = {
  /** Folder it was read from. */
  readonly directory: string;
  /** Day the book was last brought up to date: reports use its prices of this day unless told otherwise. */
  readonly date: string;
  readonly prices: readonly PriceEntry[];
  readonly serverTypes: readonly ServerTypeEntry[];
  readonly exchangeRates: readonly ExchangeRate[];
  readonly sources: readonly Source[];
};

/** Folder of the book that belongs to this repository. */
export const bookDirectory = join(import.meta.dirname, "data");

export const bookFiles = {
  prices: "prices.jsonl",
  serverTypes: "server-types.jsonl",
  exchangeRates: "exchange-rates.jsonl",
  sources: "sources.jsonl",
} as const;

function readLines<T>(directory: string, file: string): readonly T[] {
  return readFileSync(join(directory, file), "utf8")
    .split("\n")
    .flatMap((line, index) => {
      if (line === "") return [];
      try {
        return [JSON.parse(line) as T];
      } catch {
        throw new Error(`${file} line ${index + 1}: not a JSON object; the price book holds one object a line`);
      }
    });
}

const lastOfName = (entries: readonly ServerTypeEntry[]): readonly ServerTypeEntry[] => [
  ...new Map(entries.map((entry) => [entry.name, entry])).values(),
];

/**
 * Reads a price book. Its shape is checked by `prices update`, which writes it, and by the tests; reading it trusts the
 * file, so that a bill stays quick.
 */
export function loadPriceBook(directory: string = bookDirectory): PriceBook {
  const sources = readLines<Source>(directory, bookFiles.sources);
  const exchangeRates = readLines<ExchangeRate>(directory, bookFiles.exchangeRates);
  const days = [...sources.map((source) => source.read), ...exchangeRates.map((rate) => rate.date)];
  return {
    directory,
    date: days.reduce((newest, day) => (day > newest ? day : newest), "1970-01-01"),
    prices: readLines<PriceEntry>(directory, bookFiles.prices),
    serverTypes: lastOfName(readLines<ServerTypeEntry>(directory, bookFiles.serverTypes)),
    exchangeRates,
    sources,
  };
}
