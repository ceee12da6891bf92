import { z } from "zod";
import { capHours, Dec } from "../money.ts";
import type { ExchangeRate, PriceBook, PriceEntry, ServerTypeEntry, Source } from "./book.ts";

/** Whether a price book is well-formed: run by the tests over the committed book and by `prices update` before it writes. */

const day = z.iso.date();
const amount = z.string().regex(/^\d+(\.\d+)?$/, "a decimal number without a sign");
const locations = z.array(z.string().regex(/^[a-z0-9]+$/)).min(1);

const priceSchema = z.strictObject({
  item: z.string().regex(/^[a-z0-9-]+(:[a-z0-9-]+)?$/),
  locations: locations.nullable(),
  currency: z.enum(["EUR", "USD"]),
  unit: z.enum(["month", "GB-month", "TB", "TB-hour", "GB", "million", "percent"]),
  net: amount.nullable(),
  hourlyNet: amount.nullable(),
  validFrom: day.nullable(),
  validUntil: day.nullable(),
  scope: z.enum(["everyone", "orders"]),
  source: z.string(),
});

const serverTypeSchema = z.strictObject({
  name: z.string().regex(/^[a-z]{2,4}\d{2}$/),
  vcpu: z.int().positive(),
  memoryGiB: z.number().positive(),
  diskGiB: z.int().positive(),
  cpu: z.enum(["shared", "dedicated"]),
  architecture: z.enum(["x86", "arm"]),
  sold: z
    .array(
      z.strictObject({
        locations,
        includedTrafficTB: z.number().nonnegative(),
        from: day.nullable(),
        until: day.nullable(),
        stock: z.strictObject({ available: z.boolean(), read: day }).nullable(),
      }),
    )
    .min(1),
  source: z.string(),
});

const rateSchema = z.strictObject({ date: day, usdPerEur: amount, source: z.string() });
const sourceSchema = z.strictObject({ id: z.string().min(1), read: day, title: z.string().min(1) });

const shapeFaults = (
  name: string,
  schema: z.ZodType,
  rows: readonly (PriceEntry | ServerTypeEntry | ExchangeRate | Source)[],
): readonly string[] =>
  rows.flatMap((row, index) => {
    const result = schema.safeParse(row);
    return result.success
      ? []
      : result.error.issues.map((issue) => `${name} ${index + 1}: ${issue.path.join(".")}: ${issue.message}`);
  });

const nameOf = (entry: PriceEntry): string =>
  `${entry.item} in ${entry.locations?.join(", ") ?? "every location"} from ${entry.validFrom ?? "the beginning"}`;

const share = (a: PriceEntry, b: PriceEntry): boolean =>
  a.item === b.item &&
  (a.locations === null || b.locations === null || a.locations.some((location) => b.locations?.includes(location)));

function priceFaults(entry: PriceEntry, index: number, book: PriceBook): readonly string[] {
  const faults: string[] = [];
  if (!book.sources.some((source) => source.id === entry.source)) {
    faults.push(`${nameOf(entry)}: source ${entry.source} is not in sources`);
  }
  if (entry.validFrom !== null && entry.validUntil !== null && entry.validFrom > entry.validUntil) {
    faults.push(`${nameOf(entry)}: ends on ${entry.validUntil}, before it begins`);
  }
  const twin = book.prices.slice(0, index).find((other) => share(entry, other) && other.validFrom === entry.validFrom);
  if (twin !== undefined) faults.push(`${nameOf(entry)}: also priced by the line ${nameOf(twin)}`);
  if (entry.hourlyNet !== null && entry.net !== null) faults.push(...capFaults(entry, entry.net, entry.hourlyNet));
  return faults;
}

/** Hetzner's hourly prices are the monthly ones divided by 624 and rounded to 1/100 cent. */
function capFaults(entry: PriceEntry, net: string, hourlyNet: string): readonly string[] {
  const expected = new Dec(net).dividedBy(capHours);
  if (expected.minus(hourlyNet).abs().lte("0.00005")) return [];
  return [`${nameOf(entry)}: ${hourlyNet} an hour does not reach ${net} a month after ${capHours} hours`];
}

/** Every fault of a book, each with the entry it is in; empty for a good one. */
export function bookFaults(book: PriceBook): readonly string[] {
  return [
    ...shapeFaults("price", priceSchema, book.prices),
    ...shapeFaults("server type", serverTypeSchema, book.serverTypes),
    ...shapeFaults("exchange rate", rateSchema, book.exchangeRates),
    ...shapeFaults("source", sourceSchema, book.sources),
    ...book.prices.flatMap((entry, index) => priceFaults(entry, index, book)),
  ];
}
