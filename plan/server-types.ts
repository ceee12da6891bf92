import { Decimal } from "decimal.js";
import type { Fault } from "../config/faults.ts";
import type { Location } from "../config/schema.ts";
import { ladderOf } from "./capacity.ts";
import type { Group } from "./roster.ts";
import type { Catalogue, CpuKind, Phase, Profile, ServerTypeOffer, TypeChoice } from "./types.ts";

export type TypeQuestion = {
  readonly group: Group;
  readonly phase: Phase;
  readonly profile: Profile;
  readonly location: Location;
  readonly catalogue: Catalogue;
};

export type TypeAnswer =
  | { readonly ok: true; readonly offer: ServerTypeOffer; readonly choice: TypeChoice }
  | { readonly ok: false; readonly fault: Fault };

/** Finds the server type of a group: the one config names, if it will do, else the cheapest that will. */
export function chooseServerType(question: TypeQuestion): TypeAnswer {
  return question.group.request.serverType === "auto" ? chooseAutomatically(question) : checkNamed(question);
}

function chooseAutomatically(question: TypeQuestion): TypeAnswer {
  const { group, location } = question;
  const fitting = fittingTypes(question);
  const wanted = wantedCpu(group);
  const candidates = fitting.filter((offer) => wanted === "any" || offer.cpu === wanted);
  const offer = (group.role === "server" ? firstStep(candidates, location) : undefined) ?? candidates[0];
  if (offer === undefined) {
    return refuse(
      question,
      "auto",
      `no ${wanted === "any" ? "" : `${wanted} `}x86 type that can be ordered in ${location} has ${describe(question)}`,
      fitting.length === 0
        ? "choose another platform.location"
        : `set platform.${group.field}.cpu to any or platform.${group.field}.serverType to ${listNames(fitting)}`,
    );
  }
  return { ok: true, offer, choice: { how: "auto", serverType: offer.name, alternatives: others(fitting, offer) } };
}

/** Phase 1 starts on the location's ladder, because later steps stay within its family. */
function firstStep(candidates: readonly ServerTypeOffer[], location: Location): ServerTypeOffer | undefined {
  for (const step of ladderOf(location)) {
    const offer = candidates.find((candidate) => candidate.name === step);
    if (offer !== undefined) return offer;
  }
  return undefined;
}

function checkNamed(question: TypeQuestion): TypeAnswer {
  const { group, catalogue, location, profile } = question;
  const { serverType: name, adopt } = group.request;
  const fitting = fittingTypes(question);
  const key = `platform.${group.field}`;
  const instead =
    fitting.length === 0 ? "choose another platform.location" : `set ${key}.serverType to ${listNames(fitting)}`;
  const offer = catalogue.serverTypes.find((candidate) => candidate.name === name);
  if (offer === undefined) {
    return refuse(question, name, `the price list of ${catalogue.date} knows no such type`, instead);
  }
  if (offer.architecture !== "x86") {
    return refuse(question, name, "its CPU is Arm and the machine files pin x86-64 programs", instead);
  }
  const sale = offer.locations[location];
  if (sale === undefined) return refuse(question, name, `it was never sold in ${location}`, instead);
  if (!sale.orderable && !adopt) {
    return refuse(
      question,
      name,
      `it can no longer be ordered in ${location}`,
      `${instead}, or keep servers you already have with ${key}.adopt and ${key}.orderedAt`,
    );
  }
  if (!satisfies(offer, profile, group.volumeGiB ?? 0)) {
    return refuse(
      question,
      `${name} (${describeOffer(offer)})`,
      `${describeRole(question)} needs ${describe(question)}`,
      instead,
    );
  }
  return {
    ok: true,
    offer,
    choice: { how: adopt ? "adopted" : "explicit", serverType: name, alternatives: others(fitting, offer) },
  };
}

/** Orderable x86 types in the location that satisfy the profile, cheapest first; equal prices in order of name. */
export function fittingTypes(question: TypeQuestion): readonly ServerTypeOffer[] {
  const { catalogue, location, profile, group } = question;
  return catalogue.serverTypes
    .filter((offer) => offer.architecture === "x86" && offer.locations[location]?.orderable === true)
    .filter((offer) => satisfies(offer, profile, group.volumeGiB ?? 0))
    .map((offer) => ({ offer, price: new Decimal(offer.locations[location]?.monthlyNet ?? Number.POSITIVE_INFINITY) }))
    .sort((a, b) => a.price.comparedTo(b.price) || (a.offer.name < b.offer.name ? -1 : 1))
    .map(({ offer }) => offer);
}

/** Storage is the type's disk and the role's volume together. */
export function satisfies(offer: ServerTypeOffer, profile: Profile, volumeGiB: number): boolean {
  return (
    offer.vcpu >= profile.vcpu &&
    offer.memoryGiB >= profile.memoryGiB &&
    offer.diskGiB + volumeGiB >= profile.storageGiB
  );
}

/** Databases get dedicated CPU unless config says otherwise: a neighbour's load shows in every commit. */
function wantedCpu(group: Group): CpuKind | "any" {
  return group.request.cpu ?? (group.role === "database" ? "dedicated" : "any");
}

function others(fitting: readonly ServerTypeOffer[], chosen: ServerTypeOffer): readonly string[] {
  return fitting.filter((offer) => offer.name !== chosen.name).map((offer) => offer.name);
}

function refuse(question: TypeQuestion, value: string, rule: string, fix: string): TypeAnswer {
  return { ok: false, fault: { field: `${question.group.field}.serverType`, value, rule, fix } };
}

const listNames = (offers: readonly ServerTypeOffer[]) =>
  offers
    .slice(0, 4)
    .map((offer) => offer.name)
    .join(", ")
    .replace(/, ([^,]*)$/, " or $1");

const describeOffer = (offer: ServerTypeOffer) => `${offer.vcpu} vCPU, ${offer.memoryGiB} GB, ${offer.diskGiB} GB disk`;

function describe({ profile, group }: TypeQuestion): string {
  const volume = group.volumeGiB === null ? "disk" : `disk and volume (${group.volumeGiB} GB)`;
  return `${profile.vcpu} vCPU, ${profile.memoryGiB} GB and ${profile.storageGiB} GB of ${volume}`;
}

const describeRole = ({ group, phase }: TypeQuestion) =>
  `${/^[aeiou]/.test(group.role) ? "an" : "a"} ${group.role} machine of phase ${phase}`;
