import { Dec } from "../money.ts";
import type { PriceBook, PriceEntry, ServerTypeEntry, SoldIn } from "./book.ts";
import type { LiveList, LivePrice, LiveServerType } from "./live.ts";
import { findPriceIfKnown } from "./lookup.ts";

/** What the price list says that the book does not, as of a day. Stock changes by the hour and is compared on request. */
export type Difference =
  | { readonly kind: "price"; readonly live: LivePrice; readonly known: string | null }
  | { readonly kind: "type"; readonly live: LiveServerType; readonly what: readonly string[] }
  | { readonly kind: "gone"; readonly entry: ServerTypeEntry };

export type CompareOptions = { readonly at: string; readonly stock: boolean };

/**
 * Prices of types nobody can order any more are what existing servers pay: the book keeps them as such, and a new order
 * has none.
 */
function knownPrice(book: PriceBook, live: LivePrice, at: string): Pick<PriceEntry, "net" | "hourlyNet"> | null {
  const ask = (location: string | null, orderedAt: string | null) =>
    findPriceIfKnown(book, { item: live.item, location, at, orderedAt });
  if (live.location !== null) return ask(live.location, null) ?? ask(live.location, lastOrder(book, live));
  // The API names one price for all places where the book names the places.
  const places = new Set(
    book.prices.filter((entry) => entry.item === live.item).flatMap((entry) => entry.locations ?? []),
  );
  if (places.size === 0) return ask(null, null);
  const found = [...places].map((place) => ask(place, null));
  return found.find((price) => price === null || !new Dec(price.net).eq(live.net)) ?? found[0] ?? null;
}

function lastOrder(book: PriceBook, { item, location }: LivePrice): string | null {
  const type = book.serverTypes.find((entry) => `server:${entry.name}` === item);
  const sold = type?.sold.find((entry) => location !== null && entry.locations.includes(location));
  return sold?.until ?? null;
}

const same = (known: Pick<PriceEntry, "net" | "hourlyNet"> | null, live: LivePrice): boolean =>
  known?.net !== undefined &&
  known.net !== null &&
  new Dec(known.net).eq(live.net) &&
  (live.hourlyNet === null || known.hourlyNet === null || new Dec(known.hourlyNet).eq(live.hourlyNet));

const placeOf = (sold: readonly SoldIn[], location: string): SoldIn | undefined =>
  sold.find((entry) => entry.locations.includes(location));

/** What a type's two descriptions say differently, in words. */
function typeChanges(known: ServerTypeEntry, live: LiveServerType, options: CompareOptions): readonly string[] {
  const facts = (["vcpu", "memoryGiB", "diskGiB", "cpu", "architecture"] as const).flatMap((key) =>
    known[key] === live[key] ? [] : [`${key} ${known[key]} → ${live[key]}`],
  );
  const ended = (place: SoldIn | undefined): boolean =>
    place === undefined || (place.until !== null && place.until < options.at);
  const locations = [...new Set([...known.sold, ...live.sold].flatMap((entry) => entry.locations))];
  const places = locations.flatMap((location): readonly string[] => {
    const [old, now] = [placeOf(known.sold, location), placeOf(live.sold, location)];
    if (ended(old) && ended(now)) return [];
    if (ended(now)) return [`can no longer be ordered in ${location}`];
    if (ended(old)) return [`can be ordered in ${location}`];
    const traffic =
      old?.includedTrafficTB === now?.includedTrafficTB
        ? []
        : [`traffic in ${location} ${old?.includedTrafficTB} → ${now?.includedTrafficTB} TB`];
    const stock =
      !options.stock || old?.stock?.available === now?.stock?.available
        ? []
        : [`${now?.stock?.available === true ? "in" : "out of"} stock in ${location}`];
    return [...traffic, ...stock];
  });
  return [...facts, ...places];
}

const stillSold = (entry: ServerTypeEntry, at: string): boolean =>
  entry.sold.some((place) => place.until === null || place.until >= at);

/** Compares the book with a price list that was read on a day. */
export function compareBook(book: PriceBook, live: LiveList, options: CompareOptions): readonly Difference[] {
  const prices = live.prices.flatMap((price): readonly Difference[] => {
    const known = knownPrice(book, price, options.at);
    return same(known, price) ? [] : [{ kind: "price", live: price, known: known?.net ?? null }];
  });
  const types = live.serverTypes.flatMap((type): readonly Difference[] => {
    const known = book.serverTypes.find((entry) => entry.name === type.name);
    const what = known === undefined ? ["new"] : typeChanges(known, type, options);
    return what.length === 0 ? [] : [{ kind: "type", live: type, what }];
  });
  const names = new Set(live.serverTypes.map((type) => type.name));
  const gone = book.serverTypes
    .filter((entry) => !names.has(entry.name) && stillSold(entry, options.at))
    .map((entry): Difference => ({ kind: "gone", entry }));
  return [...prices, ...types, ...gone];
}

/** A difference in words. */
export function differenceText(difference: Difference): string {
  switch (difference.kind) {
    case "price": {
      const { item, location, net } = difference.live;
      return `${item}${location === null ? "" : ` in ${location}`}: ${difference.known ?? "not in the book"} → ${net}`;
    }
    case "type":
      return `${difference.live.name}: ${difference.what.join(", ")}`;
    case "gone":
      return `${difference.entry.name}: no longer in the list of server types`;
  }
}
