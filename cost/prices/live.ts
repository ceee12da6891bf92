import { z } from "zod";
import { CommandError } from "../commands/io.ts";
import { Dec } from "../money.ts";
import type { PriceEntry, ServerTypeEntry, SoldIn } from "./book.ts";

/** Hetzner's price list as the API gives it today: new-order prices only. */

export type LivePrice = Pick<PriceEntry, "item" | "unit"> & {
  /** Null for what costs the same everywhere. */
  readonly location: string | null;
  readonly net: string;
  readonly hourlyNet: string | null;
};

export type LiveServerType = Omit<ServerTypeEntry, "source">;

export type LiveList = { readonly prices: readonly LivePrice[]; readonly serverTypes: readonly LiveServerType[] };

export type LiveOptions = {
  /** Base of the API with its version: `https://api.hetzner.cloud/v1`. */
  readonly endpoint: string;
  readonly token: string;
  /** Day of the reading. */
  readonly read: string;
};

const amount = z.object({ net: z.string() });

const priced = z.object({
  location: z.string(),
  price_hourly: amount.optional(),
  price_monthly: amount,
  included_traffic: z.number().optional(),
  price_per_tb_traffic: amount.optional(),
});

const pricingSchema = z.object({
  pricing: z.object({
    currency: z.literal("EUR"),
    image: z.object({ price_per_gb_month: amount }),
    volume: z.object({ price_per_gb_month: amount }),
    server_backup: z.object({ percentage: z.string() }),
    primary_ips: z.array(z.object({ type: z.string(), prices: z.array(priced) })),
    floating_ips: z.array(z.object({ type: z.string(), prices: z.array(priced) })),
    server_types: z.array(z.object({ name: z.string(), prices: z.array(priced) })),
    load_balancer_types: z.array(z.object({ name: z.string(), prices: z.array(priced) })),
  }),
});

const serverTypesSchema = z.object({
  server_types: z.array(
    z.object({
      name: z.string(),
      cores: z.number(),
      memory: z.number(),
      disk: z.number(),
      cpu_type: z.enum(["shared", "dedicated"]),
      architecture: z.enum(["x86", "arm"]),
      prices: z.array(priced),
      locations: z.array(
        z.object({
          name: z.string(),
          available: z.boolean(),
          deprecation: z.object({ unavailable_after: z.string() }).nullable(),
        }),
      ),
    }),
  ),
  meta: z.object({ pagination: z.object({ next_page: z.number().nullable() }) }),
});

/** A request that takes longer has hung. */
const timeoutMs = 20_000;

async function get<T extends z.ZodType>(
  path: string,
  schema: T,
  { endpoint, token }: LiveOptions,
): Promise<z.infer<T>> {
  const url = `${endpoint.replace(/\/$/, "")}${path}`;
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(timeoutMs),
  }).catch((error: unknown) => {
    throw new CommandError(`${url}: no answer (${error instanceof Error ? error.message : String(error)})`);
  });
  if (!response.ok) {
    const hint = response.status === 401 ? "; HCLOUD_TOKEN must hold a token of the project, read-only is enough" : "";
    throw new CommandError(`${url}: answered ${response.status}${hint}`);
  }
  const result = schema.safeParse(await response.json());
  if (!result.success) throw new CommandError(`${url}: unexpected answer:\n${z.prettifyError(result.error)}`);
  return result.data;
}

/** `5.4900000000` as `5.49`, `0.0572000000` as `0.0572`: at least two places. */
const amountText = (net: string): string => {
  const value = new Dec(net);
  return value.toFixed(Math.max(2, value.decimalPlaces()));
};

/** Hourly prices have four places. */
const hourText = (net: string): string => new Dec(net).toFixed(4);

type Pricing = z.infer<typeof pricingSchema>["pricing"];

function livePrices(pricing: Pricing): readonly LivePrice[] {
  const monthly = (item: string, prices: z.infer<typeof priced>[]): readonly LivePrice[] =>
    prices.map(({ location, price_monthly, price_hourly }) => ({
      item,
      location,
      unit: "month",
      net: amountText(price_monthly.net),
      hourlyNet: price_hourly === undefined ? null : hourText(price_hourly.net),
    }));
  const traffic = new Map(
    pricing.server_types.flatMap(({ prices }) =>
      prices.flatMap(({ location, price_per_tb_traffic }) =>
        price_per_tb_traffic === undefined ? [] : [[location, price_per_tb_traffic.net] as const],
      ),
    ),
  );
  const everywhere = (item: string, unit: PriceEntry["unit"], net: string): LivePrice => ({
    item,
    location: null,
    unit,
    net: amountText(net),
    hourlyNet: null,
  });
  return [
    ...pricing.server_types.flatMap(({ name, prices }) => monthly(`server:${name}`, prices)),
    ...pricing.load_balancer_types.flatMap(({ name, prices }) => monthly(`load-balancer:${name}`, prices)),
    ...pricing.primary_ips
      .filter(({ type }) => type === "ipv4")
      .flatMap(({ prices }) => monthly("primary-ipv4", prices)),
    ...pricing.floating_ips.flatMap(({ type, prices }) => monthly(`floating-${type}`, prices)),
    ...[...traffic].map(
      ([location, net]): LivePrice => ({
        item: "traffic",
        location,
        unit: "TB",
        net: amountText(net),
        hourlyNet: null,
      }),
    ),
    everywhere("volume", "GB-month", pricing.volume.price_per_gb_month.net),
    everywhere("snapshot", "GB-month", pricing.image.price_per_gb_month.net),
    {
      ...everywhere("server-backups", "percent", pricing.server_backup.percentage),
      net: new Dec(pricing.server_backup.percentage).toString(),
    },
  ];
}

type ApiServerType = z.infer<typeof serverTypesSchema>["server_types"][number];

/** Traffic is given in bytes, 2^40 to the TB. */
const terabyte = 2 ** 40;

function soldIn(type: ApiServerType, read: string): readonly SoldIn[] {
  const places = type.locations.map(({ name, available, deprecation }): SoldIn => {
    const bytes = type.prices.find((price) => price.location === name)?.included_traffic ?? 0;
    return {
      locations: [name],
      includedTrafficTB: bytes / terabyte,
      from: null,
      until: deprecation === null ? null : deprecation.unavailable_after.slice(0, 10),
      stock: deprecation === null ? { available, read } : null,
    };
  });
  const same = (place: SoldIn): string => JSON.stringify({ ...place, locations: null });
  return [...Map.groupBy(places, same).values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, locations: group.flatMap((place) => place.locations) }];
  });
}

const liveServerType = (type: ApiServerType, read: string): LiveServerType => ({
  name: type.name,
  vcpu: type.cores,
  memoryGiB: type.memory,
  diskGiB: type.disk,
  cpu: type.cpu_type,
  architecture: type.architecture,
  sold: soldIn(type, read),
});

async function serverTypes(options: LiveOptions): Promise<readonly LiveServerType[]> {
  const all: LiveServerType[] = [];
  for (let page: number | null = 1; page !== null; ) {
    const answer: z.infer<typeof serverTypesSchema> = await get(
      `/server_types?per_page=50&page=${page}`,
      serverTypesSchema,
      options,
    );
    all.push(...answer.server_types.map((type) => liveServerType(type, options.read)));
    page = answer.meta.pagination.next_page;
  }
  return all;
}

/** Reads the price list and the server types of a Hetzner endpoint. */
export async function readLiveList(options: LiveOptions): Promise<LiveList> {
  const { pricing } = await get("/pricing", pricingSchema, options);
  return { prices: livePrices(pricing), serverTypes: await serverTypes(options) };
}
