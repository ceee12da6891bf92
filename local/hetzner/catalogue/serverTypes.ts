/**
 * Server types, net EUR, new orders. Typed from an authenticated dump of `GET /v1/server_types` and `/v1/pricing` dated
 * 2026-09-29 (currency EUR, VAT 0), cross-checked with the vendor's price feed of 2026-09-19.
 *
 * cpx02 appeared after that dump: its price is read from the vendor's shop (2026-10), its id is this emulator's own and
 * it is offered in the EU only because no other price was found. Stock is not part of the catalogue: it changes by the
 * hour, so every type counts as orderable where it is sold and `stock_out` faults make shortages.
 */
import type { LocationName } from "./locations.ts";

/** Net price of a month (cap), of an hour, and included traffic in TB. */
export type Offer = { readonly month: string; readonly hour: string; readonly terabytes: number };

export type Region = "eu" | "us" | "sin";

export const regions: Readonly<Record<Region, readonly LocationName[]>> = {
  eu: ["fsn1", "nbg1", "hel1"],
  us: ["ash", "hil"],
  sin: ["sin"],
};

export type ServerTypeEntry = {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly category: "cost_optimized" | "regular_purpose" | "general_purpose";
  readonly cores: number;
  readonly memory: number;
  readonly disk: number;
  readonly cpuType: "shared" | "dedicated";
  readonly architecture: "x86" | "arm";
  readonly offers: Partial<Readonly<Record<Region, Offer>>>;
  /** Regions where the type is listed with a price but can no longer be ordered. */
  readonly retiredIn: readonly Region[];
  /** Listed in `/pricing` only. */
  readonly hidden: boolean;
};

/** Announced with the end of the first CPX and second CX generation. */
export const retirement = {
  announced: "2025-10-16T06:00:00+00:00",
  unavailable_after: "2025-12-31T00:00:00+00:00",
} as const;

const offer = (month: string, hour: string, terabytes: number): Offer => ({ month, hour, terabytes });

type Shape = readonly [id: number, name: string, cores: number, memory: number, disk: number];
type Family = Pick<ServerTypeEntry, "category" | "cpuType" | "architecture"> & {
  readonly describe: (name: string) => string;
};

const spaced = (name: string): string => name.toUpperCase().replace(/^([A-Z]+)/, "$1 ");
const cx: Family = { category: "cost_optimized", cpuType: "shared", architecture: "x86", describe: spaced };
const cax: Family = {
  category: "cost_optimized",
  cpuType: "shared",
  architecture: "arm",
  describe: (name) => name.toUpperCase(),
};
const cpx: Family = { category: "regular_purpose", cpuType: "shared", architecture: "x86", describe: spaced };
const ccx: Family = {
  category: "general_purpose",
  cpuType: "dedicated",
  architecture: "x86",
  describe: (name) => `${name.toUpperCase()} Dedicated CPU`,
};

function entry(
  [id, name, cores, memory, disk]: Shape,
  { describe, ...family }: Family,
  offers: ServerTypeEntry["offers"],
  more: Partial<Pick<ServerTypeEntry, "retiredIn" | "hidden">> = {},
): ServerTypeEntry {
  return {
    id,
    name,
    description: describe(name),
    cores,
    memory,
    disk,
    ...family,
    offers,
    retiredIn: [],
    hidden: false,
    ...more,
  };
}

const gen1 = { retiredIn: ["eu", "sin"] } as const;
const gone = { retiredIn: ["eu"], hidden: true } as const;

export const serverTypes: readonly ServerTypeEntry[] = [
  entry([114, "cx23", 2, 4, 40], cx, { eu: offer("5.49", "0.0088", 20) }),
  entry([115, "cx33", 4, 8, 80], cx, { eu: offer("8.49", "0.0136", 20) }),
  entry([116, "cx43", 8, 16, 160], cx, { eu: offer("15.99", "0.0256", 20) }),
  entry([117, "cx53", 16, 32, 320], cx, { eu: offer("29.49", "0.0473", 20) }),
  entry([45, "cax11", 2, 4, 40], cax, { eu: offer("5.99", "0.0096", 20) }),
  entry([93, "cax21", 4, 8, 80], cax, { eu: offer("10.49", "0.0168", 20) }),
  entry([94, "cax31", 8, 16, 160], cax, { eu: offer("20.99", "0.0336", 20) }),
  entry([95, "cax41", 16, 32, 320], cax, { eu: offer("40.99", "0.0657", 20) }),
  entry([118, "cpx02", 1, 1, 20], cpx, { eu: offer("5.99", "0.0096", 20) }),
  entry([108, "cpx12", 1, 2, 40], cpx, { eu: offer("11.49", "0.0184", 20), sin: offer("15.49", "0.0248", 0.5) }),
  entry([109, "cpx22", 2, 4, 80], cpx, { eu: offer("19.49", "0.0312", 20), sin: offer("26.49", "0.0425", 1) }),
  entry([110, "cpx32", 4, 8, 160], cpx, { eu: offer("35.49", "0.0569", 20), sin: offer("48.99", "0.0785", 2) }),
  entry([111, "cpx42", 8, 16, 320], cpx, { eu: offer("69.49", "0.1114", 20), sin: offer("93.49", "0.1498", 3) }),
  entry([112, "cpx52", 12, 24, 480], cpx, { eu: offer("100.49", "0.1610", 20), sin: offer("134.49", "0.2155", 4) }),
  entry([113, "cpx62", 16, 32, 640], cpx, { eu: offer("129.99", "0.2083", 20), sin: offer("171.99", "0.2756", 5) }),
  entry(
    [22, "cpx11", 2, 2, 40],
    cpx,
    { eu: offer("5.49", "0.0088", 20), us: offer("17.49", "0.0280", 1), sin: offer("9.99", "0.0160", 1) },
    gen1,
  ),
  entry(
    [23, "cpx21", 3, 4, 80],
    cpx,
    { eu: offer("9.49", "0.0152", 20), us: offer("31.99", "0.0513", 2), sin: offer("18.49", "0.0296", 2) },
    gen1,
  ),
  entry(
    [24, "cpx31", 4, 8, 160],
    cpx,
    { eu: offer("17.49", "0.0280", 20), us: offer("62.49", "0.1001", 3), sin: offer("32.49", "0.0521", 3) },
    gen1,
  ),
  entry(
    [25, "cpx41", 8, 16, 240],
    cpx,
    { eu: offer("32.49", "0.0521", 20), us: offer("120.49", "0.1931", 4), sin: offer("55.49", "0.0889", 4) },
    gen1,
  ),
  entry(
    [26, "cpx51", 16, 32, 360],
    cpx,
    { eu: offer("70.99", "0.1138", 20), us: offer("237.99", "0.3814", 5), sin: offer("99.99", "0.1602", 5) },
    gen1,
  ),
  entry([96, "ccx13", 2, 8, 80], ccx, {
    eu: offer("42.99", "0.0689", 20),
    us: offer("43.49", "0.0697", 1),
    sin: offer("53.99", "0.0865", 1),
  }),
  entry([97, "ccx23", 4, 16, 160], ccx, {
    eu: offer("85.99", "0.1378", 20),
    us: offer("87.49", "0.1402", 2),
    sin: offer("108.49", "0.1739", 2),
  }),
  entry([98, "ccx33", 8, 32, 240], ccx, {
    eu: offer("138.49", "0.2219", 30),
    us: offer("140.99", "0.2259", 3),
    sin: offer("174.49", "0.2796", 3),
  }),
  entry([99, "ccx43", 16, 64, 360], ccx, {
    eu: offer("275.99", "0.4423", 40),
    us: offer("279.49", "0.4479", 4),
    sin: offer("340.99", "0.5465", 4),
  }),
  entry([100, "ccx53", 32, 128, 600], ccx, {
    eu: offer("533.49", "0.8550", 50),
    us: offer("538.49", "0.8630", 6),
    sin: offer("651.99", "1.0449", 6),
  }),
  entry([101, "ccx63", 48, 192, 960], ccx, {
    eu: offer("853.49", "1.3678", 60),
    us: offer("859.99", "1.3782", 8),
    sin: offer("1036.49", "1.6610", 8),
  }),
  entry([104, "cx22", 2, 4, 40], cx, { eu: offer("4.49", "0.0072", 20) }, gone),
  entry([105, "cx32", 4, 8, 80], cx, { eu: offer("8.49", "0.0136", 20) }, gone),
  entry([106, "cx42", 8, 16, 160], cx, { eu: offer("20.99", "0.0336", 20) }, gone),
  entry([107, "cx52", 16, 32, 320], cx, { eu: offer("41.49", "0.0665", 20) }, gone),
];
