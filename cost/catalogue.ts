import type { Catalogue, LocationOffer, ServerTypeOffer } from "../plan/types.ts";
import type { PriceBook, ServerTypeEntry, SoldIn } from "./prices/book.ts";
import { findPriceIfKnown } from "./prices/lookup.ts";

/** Whether an order of that day could have it. */
export const isSold = (sold: SoldIn, at: string): boolean =>
  (sold.from === null || sold.from <= at) && (sold.until === null || at <= sold.until);

function offerIn(
  book: PriceBook,
  type: ServerTypeEntry,
  sold: SoldIn,
  location: string,
  at: string,
): LocationOffer | null {
  const orderable = isSold(sold, at);
  const price = findPriceIfKnown(book, {
    item: `server:${type.name}`,
    location,
    at,
    orderedAt: orderable ? null : sold.until,
  });
  if (price === null) return null;
  return { orderable, monthlyNet: price.net, includedTrafficTB: sold.includedTrafficTB };
}

const locationsOf = (book: PriceBook, type: ServerTypeEntry, at: string): Record<string, LocationOffer> =>
  Object.fromEntries(
    type.sold.flatMap((sold) =>
      sold.locations.flatMap((location) => {
        if (sold.from !== null && sold.from > at) return [];
        const offer = offerIn(book, type, sold, location, at);
        return offer === null ? [] : [[location, offer] as const];
      }),
    ),
  );

/**
 * The server types as `plan/` wants them: specifications, where each can be ordered and at which net price.
 *
 * A type that is no longer sold somewhere stays listed there, not orderable, with the rate its existing servers pay. A
 * place whose price the book does not know is left out: a plan cannot choose what nobody can price.
 *
 * @param at day whose offer counts; left out: the book's own date.
 */
export function serverTypeCatalogue(book: PriceBook, at: string = book.date): Catalogue {
  const serverTypes = book.serverTypes
    .map(
      (type): ServerTypeOffer => ({
        name: type.name,
        vcpu: type.vcpu,
        memoryGiB: type.memoryGiB,
        diskGiB: type.diskGiB,
        cpu: type.cpu,
        architecture: type.architecture,
        locations: locationsOf(book, type, at),
      }),
    )
    .filter((type) => Object.keys(type.locations).length > 0);
  return { date: at, serverTypes };
}
