import type { ExchangeRate, PriceBook, PriceEntry, Source } from "./book.ts";
import { MissingPriceError, type PriceQuestion } from "./errors.ts";

/** A price that was found: the reading behind it, and whether an order today would pay another one. */
export type FoundPrice = PriceEntry & {
  readonly net: string;
  /** An order of the day would get another price: this one is kept only until the server is rescaled or replaced. */
  readonly locked: boolean;
};

const beginsBy = (entry: PriceEntry, day: string): boolean => entry.validFrom === null || entry.validFrom <= day;

/** The price an order of that day gets at first. */
const givenToOrder = (entry: PriceEntry, day: string): boolean =>
  beginsBy(entry, day) && (entry.validUntil === null || day <= entry.validUntil);

/** A price existing resources were moved to after their order. */
const movedTo = (entry: PriceEntry, orderedAt: string, at: string): boolean =>
  entry.scope === "everyone" && entry.validFrom !== null && entry.validFrom > orderedAt && entry.validFrom <= at;

const latest = (entries: readonly PriceEntry[]): PriceEntry | undefined =>
  entries.toSorted((a, b) => ((a.validFrom ?? "") < (b.validFrom ?? "") ? 1 : -1))[0];

function inForce(entries: readonly PriceEntry[], orderedAt: string, at: string): PriceEntry | undefined {
  return latest(entries.filter((entry) => givenToOrder(entry, orderedAt) || movedTo(entry, orderedAt, at)));
}

const entriesOf = (book: PriceBook, question: PriceQuestion): readonly PriceEntry[] =>
  book.prices.filter(
    (entry) =>
      entry.item === question.item &&
      (entry.locations === null || (question.location !== null && entry.locations.includes(question.location))),
  );

/**
 * The net price in force on `at` for something ordered on `orderedAt` (null: on `at` itself).
 *
 * Hetzner raised all prices on 2026-04-01 for everyone, and those of servers on 2026-06-15 for orders and rescales only:
 * a server from before June keeps April's price.
 *
 * @throws MissingPriceError when the book has no figure.
 */
export function findPrice(book: PriceBook, question: PriceQuestion): FoundPrice {
  const { at } = question;
  const orderedAt = question.orderedAt ?? at;
  if (orderedAt > at) throw new MissingPriceError(question, "the order lies after the day asked for");
  const entries = entriesOf(book, question);
  const found = inForce(entries, orderedAt, at);
  if (found === undefined) {
    throw new MissingPriceError(
      question,
      entries.length === 0 ? "the book has never seen it there" : "it had no price for orders of that day",
    );
  }
  if (found.net === null) {
    throw new MissingPriceError(question, `the price changed on ${found.validFrom} and the new figure is not known`);
  }
  const today = inForce(entries, at, at);
  return { ...found, net: found.net, locked: today?.net !== found.net };
}

/** Like {@link findPrice}, but null when the book has no figure: for comparisons, never for bills. */
export function findPriceIfKnown(book: PriceBook, question: PriceQuestion): FoundPrice | null {
  try {
    return findPrice(book, question);
  } catch (error) {
    if (error instanceof MissingPriceError) return null;
    throw error;
  }
}

/** The newest exchange rate of the book on or before a day. @throws MissingPriceError when the book begins later. */
export function findExchangeRate(book: PriceBook, at: string): ExchangeRate {
  const known = book.exchangeRates.filter((rate) => rate.date <= at).toSorted((a, b) => (a.date < b.date ? 1 : -1))[0];
  if (known === undefined) {
    throw new MissingPriceError(
      { item: "exchange rate EUR/USD", location: null, at, orderedAt: null },
      "the book begins later; give --usd-per-eur",
    );
  }
  return known;
}

/** The source a price was read from. */
export function sourceOf(book: PriceBook, id: string): Source {
  const source = book.sources.find((candidate) => candidate.id === id);
  if (source === undefined) throw new Error(`price book: source ${id} is not in sources.jsonl; add it there`);
  return source;
}

/**
 * Outgoing traffic a server type includes in a location, in TB of 2^40 bytes.
 *
 * @throws MissingPriceError when the type was never sold there.
 */
export function includedTrafficTB(book: PriceBook, serverType: string, location: string): number {
  const sold = book.serverTypes
    .find((type) => type.name === serverType)
    ?.sold.find((candidate) => candidate.locations.includes(location));
  if (sold === undefined) {
    throw new MissingPriceError(
      { item: `included traffic of ${serverType}`, location, at: book.date, orderedAt: null },
      "the type was never sold there",
    );
  }
  return sold.includedTrafficTB;
}
