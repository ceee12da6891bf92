import { satisfies } from "../plan/server-types.ts";
import type { CpuKind, LocationOffer, Machine, Plan, ServerTypeOffer } from "../plan/types.ts";
import { serverTypeCatalogue } from "./catalogue.ts";
import { Dec } from "./money.ts";
import type { PriceBook } from "./prices/book.ts";
import { findPrice } from "./prices/lookup.ts";

/**
 * Other server types that would satisfy a machine's profile. Nothing here is ever applied: a saving comes with what is
 * given up for it, and the choice is a person's.
 */
export type Alternative = {
  /** Machines it is about: all of one role and type. */
  readonly machines: readonly string[];
  readonly current: { readonly serverType: string; readonly net: string; readonly locked: boolean };
  /** Places in which it costs the same and asks the same. */
  readonly locations: readonly string[];
  readonly cpu: CpuKind;
  readonly serverType: string;
  /** Net EUR a month for each, of a new order. */
  readonly net: string;
  /** Net EUR a month for all of the machines; negative: it costs more. */
  readonly saving: string;
  readonly givenUp: readonly string[];
};

type Group = { readonly machines: readonly Machine[]; readonly first: Machine; readonly volumeGiB: number };

function groupsOf(plan: Plan): readonly Group[] {
  const groups = Map.groupBy(plan.machines, (machine) =>
    [machine.role, machine.serverType, machine.orderedAt].join("\n"),
  );
  return [...groups.values()].flatMap((machines) => {
    const [first] = machines;
    if (first === undefined) return [];
    const volumes = plan.volumes.filter((volume) => volume.machine === first.name);
    return [{ machines, first, volumeGiB: volumes.reduce((sum, volume) => sum + volume.sizeGiB, 0) }];
  });
}

type Candidate = { readonly offer: ServerTypeOffer; readonly sale: LocationOffer };

/** The cheapest type that can be ordered in a place and satisfies a profile; x86, because the machine files are. */
function cheapest(
  offers: readonly ServerTypeOffer[],
  group: Group,
  location: string,
  cpu: CpuKind,
): Candidate | undefined {
  const candidates = offers.flatMap((offer): readonly Candidate[] => {
    const sale = offer.locations[location];
    if (sale?.orderable !== true || offer.cpu !== cpu || offer.architecture !== "x86") return [];
    return satisfies(offer, group.first.profile, group.volumeGiB) ? [{ offer, sale }] : [];
  });
  return candidates.toSorted((a, b) => new Dec(a.sale.monthlyNet).comparedTo(b.sale.monthlyNet))[0];
}

const less = (what: string, now: number, then: number, unit: string): readonly string[] =>
  then < now ? [`${what} ${now} → ${then}${unit}`] : [];

function givenUp(plan: Plan, book: PriceBook, group: Group, candidate: Candidate, location: string): readonly string[] {
  const { first } = group;
  const { offer, sale } = candidate;
  const stock = book.serverTypes
    .find((type) => type.name === offer.name)
    ?.sold.find((place) => place.locations.includes(location))?.stock;
  const includes = serverTypeCatalogue(book).serverTypes.find((type) => type.name === first.serverType);
  const traffic = includes?.locations[plan.location]?.includedTrafficTB ?? 0;
  return [
    ...(first.cpu === "dedicated" && offer.cpu === "shared" ? ["dedicated CPU: neighbours' load is felt"] : []),
    ...less("vCPU", first.vcpu, offer.vcpu, ""),
    ...less("memory", first.memoryGiB, offer.memoryGiB, " GB"),
    ...less("disk", first.diskGiB, offer.diskGiB, " GB, so only with a new server"),
    ...(first.primaryIp === null ? [] : less("included traffic", traffic, sale.includedTrafficTB, " TB")),
    ...(location === plan.location ? [] : [`the location: the whole stack moves from ${plan.location}`]),
    ...(stock?.available === false ? [`certainty: out of stock when last looked at (${stock.read})`] : []),
  ];
}

function alternativesOf(plan: Plan, book: PriceBook, group: Group, at: string): readonly Alternative[] {
  const { first, machines } = group;
  const offers = serverTypeCatalogue(book, at).serverTypes;
  const price = findPrice(book, {
    item: `server:${first.serverType}`,
    location: plan.location,
    at,
    orderedAt: first.orderedAt,
  });
  const locations = [...new Set(offers.flatMap((offer) => Object.keys(offer.locations)))];
  return locations.flatMap((location) =>
    (["shared", "dedicated"] as const).flatMap((cpu): readonly Alternative[] => {
      const candidate = cheapest(offers, group, location, cpu);
      if (candidate === undefined) return [];
      const same = candidate.offer.name === first.serverType && location === plan.location;
      if (same && !price.locked) return [];
      const lost = givenUp(plan, book, group, candidate, location);
      return [
        {
          machines: machines.map((machine) => machine.name),
          current: { serverType: first.serverType, net: price.net, locked: price.locked },
          locations: [location],
          cpu,
          serverType: candidate.offer.name,
          net: candidate.sale.monthlyNet,
          saving: new Dec(price.net).minus(candidate.sale.monthlyNet).times(machines.length).toFixed(2),
          givenUp: price.locked ? [`the price of ${price.net} kept since ${first.orderedAt}`, ...lost] : lost,
        },
      ];
    }),
  );
}

/** Rows that differ only in the place become one. */
function mergePlaces(rows: readonly Alternative[]): readonly Alternative[] {
  const groups = Map.groupBy(rows, (row) => JSON.stringify({ ...row, locations: null }));
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined ? [] : [{ ...first, locations: group.flatMap((row) => row.locations) }];
  });
}

/** For each group of machines and each location the cheapest shared and dedicated type, the largest saving first. */
export function alternatives(plan: Plan, book: PriceBook, at: string = book.date): readonly Alternative[] {
  return groupsOf(plan)
    .flatMap((group) => mergePlaces(alternativesOf(plan, book, group, at)))
    .toSorted((a, b) => new Dec(b.saving).comparedTo(a.saving));
}
