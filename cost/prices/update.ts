import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { CommandError } from "../commands/io.ts";
import { bookFiles, type PriceBook, type PriceEntry, type ServerTypeEntry, type SoldIn, type Source } from "./book.ts";
import { bookFaults } from "./check.ts";
import type { Difference } from "./compare.ts";
import type { LivePrice, LiveServerType } from "./live.ts";

/** Lines to add to a book. Nothing of it is ever changed or removed. */
export type Addition = {
  readonly prices: readonly PriceEntry[];
  readonly serverTypes: readonly ServerTypeEntry[];
  readonly sources: readonly Source[];
};

export type UpdateOptions = {
  /** Day of the reading: the new prices hold from it on. */
  readonly read: string;
  readonly endpoint: string;
  /** Whether existing servers pay the new server prices too. Hetzner says so when it raises prices; the API does not. */
  readonly serverScope: PriceEntry["scope"];
};

const sourceId = (read: string): string => `hetzner-api-${read}`;

/** Locations with the same new price share a line. */
function priceLines(
  differences: readonly Difference[],
  book: PriceBook,
  options: UpdateOptions,
): readonly PriceEntry[] {
  const changed = differences.flatMap((difference) => (difference.kind === "price" ? [difference.live] : []));
  const key = (price: LivePrice): string => [price.item, price.net, price.hourlyNet].join("\n");
  return [...Map.groupBy(changed, key).values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) return [];
    return [
      {
        item: first.item,
        locations:
          first.location === null ? placesOf(book, first.item) : group.flatMap(({ location }) => location ?? []),
        currency: "EUR",
        unit: first.unit,
        net: first.net,
        hourlyNet: first.hourlyNet,
        validFrom: options.read,
        validUntil: null,
        scope: first.item.startsWith("server:") ? options.serverScope : "everyone",
        source: sourceId(options.read),
      } as const,
    ];
  });
}

/** Places the book prices an item in; null when it has one price for all. */
function placesOf(book: PriceBook, item: string): readonly string[] | null {
  const places = new Set(book.prices.filter((entry) => entry.item === item).flatMap((entry) => entry.locations ?? []));
  return places.size === 0 ? null : [...places];
}

/** What the API cannot say, since when a type has been sold, comes from the book; a new place is sold from today. */
function withHistory(live: LiveServerType, known: ServerTypeEntry | undefined, read: string): readonly SoldIn[] {
  const before = (location: string): SoldIn | undefined =>
    known?.sold.find((place) => place.locations.includes(location));
  const present = live.sold.flatMap((place) =>
    place.locations.map((location) => {
      const old = before(location);
      return { ...place, locations: [location], from: old === undefined ? read : old.from };
    }),
  );
  const named = new Set(present.flatMap((place) => place.locations));
  const lost = (known?.sold ?? []).flatMap((place) =>
    place.locations
      .filter((location) => !named.has(location))
      .map((location) => ({ ...place, locations: [location], until: place.until ?? dayBefore(read), stock: null })),
  );
  const same = (place: SoldIn): string => JSON.stringify({ ...place, locations: null });
  return [...Map.groupBy([...present, ...lost], same).values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, locations: group.flatMap((place) => place.locations) }];
  });
}

function dayBefore(day: string): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - 1);
  return date.toISOString().slice(0, 10);
}

function typeLines(
  differences: readonly Difference[],
  book: PriceBook,
  options: UpdateOptions,
): readonly ServerTypeEntry[] {
  const source = sourceId(options.read);
  return differences.flatMap((difference): readonly ServerTypeEntry[] => {
    if (difference.kind === "type") {
      const known = book.serverTypes.find((entry) => entry.name === difference.live.name);
      return [{ ...difference.live, sold: withHistory(difference.live, known, options.read), source }];
    }
    if (difference.kind === "gone") {
      const sold = difference.entry.sold.map((place) => ({
        ...place,
        until: place.until ?? dayBefore(options.read),
        stock: null,
      }));
      return [{ ...difference.entry, sold, source }];
    }
    return [];
  });
}

/** The lines that bring a book up to a price list. @throws CommandError when the result would not be a good book. */
export function additionFor(book: PriceBook, differences: readonly Difference[], options: UpdateOptions): Addition {
  const prices = priceLines(differences, book, options);
  const serverTypes = typeLines(differences, book, options);
  const id = sourceId(options.read);
  const known = book.sources.some((source) => source.id === id);
  const title = `Answers of GET /v1/pricing and /v1/server_types at ${new URL(options.endpoint).host}`;
  const sources = known || prices.length + serverTypes.length === 0 ? [] : [{ id, read: options.read, title }];
  const addition: Addition = { prices, serverTypes, sources };
  const faults = bookFaults({
    ...book,
    prices: [...book.prices, ...prices],
    serverTypes,
    sources: [...book.sources, ...sources],
  });
  if (faults.length > 0) throw new CommandError(`prices update: the book would be wrong:\n${faults.join("\n")}`);
  return addition;
}

/** Appends the lines to the files of a book. */
export function writeAddition(addition: Addition, directory: string): void {
  const append = (file: string, rows: readonly object[]): void => {
    if (rows.length > 0) appendFileSync(join(directory, file), rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  };
  append(bookFiles.sources, addition.sources);
  append(bookFiles.serverTypes, addition.serverTypes);
  append(bookFiles.prices, addition.prices);
}
