/** On which server types to bake. A snapshot fits only on disks of at least its server's size, so the smallest disk comes first. */
import { z } from "zod";
import { Fault } from "../errors.ts";
import type { Api } from "../recovery/api.ts";

const serverType = z.object({
  name: z.string(),
  architecture: z.string(),
  disk: z.number(),
  memory: z.number(),
  prices: z.array(z.object({ location: z.string(), price_hourly: z.object({ net: z.string() }) })),
  locations: z.array(
    z.object({
      name: z.string(),
      available: z.boolean().optional(),
      deprecation: z.object({ unavailable_after: z.string() }).nullish(),
    }),
  ),
});

const page = z.object({
  server_types: z.array(serverType),
  meta: z.object({ pagination: z.object({ next_page: z.int().nullable() }) }),
});

type ServerType = z.output<typeof serverType>;

async function allTypes(api: Api): Promise<readonly ServerType[]> {
  const found: ServerType[] = [];
  for (let next: number | null = 1; next !== null; ) {
    const { server_types: types, meta } = page.parse(await api.get(`/server_types?per_page=50&page=${next}`));
    found.push(...types);
    next = meta.pagination.next_page;
  }
  return found;
}

/** What apt and PostgreSQL's installation need without swap. */
const leastMemoryGiB = 2;

/** Types of the plan's architecture that can be ordered in the location now: smallest disk first, then cheapest. */
export async function bakingTypes(api: Api, location: string): Promise<readonly string[]> {
  const hourly = ({ prices }: ServerType): number =>
    Number(prices.find((price) => price.location === location)?.price_hourly.net ?? Number.POSITIVE_INFINITY);
  const orderable = ({ locations }: ServerType): boolean =>
    locations.some((place) => place.name === location && place.available !== false && place.deprecation == null);
  const types = (await allTypes(api))
    .filter(
      (type) =>
        type.architecture === "x86" &&
        type.memory >= leastMemoryGiB &&
        orderable(type) &&
        Number.isFinite(hourly(type)),
    )
    .toSorted((a, b) => a.disk - b.disk || hourly(a) - hourly(b));
  if (types.length > 0) return types.map(({ name }) => name);
  throw new Fault(`--location: ${location} given, no x86 server type can be ordered there now`, [
    "use another one, such as --location nbg1: a snapshot can be used in every location",
  ]);
}
