/** Makes the values a stack is missing. What exists is never touched: a value may be in use on machines. */
import { Fault } from "../errors.ts";
import {
  certificateRequest,
  createAuthority,
  createSshKey,
  issue,
  type KeyAndCertificate,
  randomText,
  readCertificates,
} from "./keys.ts";
import { machinePairs, names, type Pair, type Wanted } from "./wanted.ts";

export type Values = ReadonlyMap<string, string>;

/** Has a certificate request signed by an authority the edge trusts; resolves with the certificate. */
export type SignOrigin = (request: string, hosts: readonly string[]) => Promise<string>;

export type Making = {
  readonly stack: string;
  readonly wanted: readonly Wanted[];
  readonly existing: Values;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Left out: the origin's certificate is signed by the stack's own authority, which only a test edge accepts. */
  readonly signOrigin?: SignOrigin;
};

export type Made = {
  /** New values by name, in an order in which a run that is cut off leaves nothing that cannot be completed. */
  readonly values: Values;
  /** Secrets that only somebody else can give. */
  readonly missing: readonly Wanted[];
};

const halfOf = (present: string, absent: string, why: string): Fault =>
  new Fault(`${present} is there, ${absent} is not: ${why}`, [
    `give the other half: ./chitlaq secrets set <stack> ${absent} --file <path>`,
    `or have both made anew: ./chitlaq secrets rotate <stack> ${present}`,
  ]);

/** True when neither half exists; throws when only one does. */
function isAbsent(values: Values, certificate: string, key: string): boolean {
  const [hasCertificate, hasKey] = [values.has(certificate), values.has(key)];
  if (hasCertificate === hasKey) return !hasCertificate;
  const why = "they belong together and are used as a pair";
  throw hasCertificate ? halfOf(certificate, key, why) : halfOf(key, certificate, why);
}

/** Two authorities of one stack must not share a name: programs choose the issuer of a certificate by it. */
export const authorityName = (stack: string, now: number): string =>
  `ChitLaq ${stack} authority ${new Date(now).toISOString().slice(0, 10)} ${randomText(4)}`;

/** The stack's authority as it signs: the newest of its certificates, with its key. */
export function authorityOf(values: Values): KeyAndCertificate {
  const [newest] = readCertificates(values.get(names.authority) ?? "") ?? [];
  const key = values.get(names.authorityKey);
  if (newest === undefined || key === undefined) {
    throw new Fault(`${names.authority} or ${names.authorityKey} is missing or unreadable, so nothing can be signed.`, [
      "./chitlaq secrets check <stack> tells which",
    ]);
  }
  return { certificate: newest.toString(), key };
}

/** Values of one pair, key first: a key without its certificate is harmless, the reverse is not. */
export const pairValues = (certificate: string, key: string, pair: KeyAndCertificate): Values =>
  new Map([
    [key, pair.key],
    [certificate, pair.certificate],
  ]);

async function makeAuthority({ stack, existing, now }: Making): Promise<Values> {
  // A key alone has signed nothing that could be checked: it is what a cut-off run left.
  const isUsable = existing.has(names.authority) && !isAbsent(existing, names.authority, names.authorityKey);
  if (isUsable) return new Map();
  return pairValues(names.authority, names.authorityKey, await createAuthority(authorityName(stack, now), now));
}

/** A new pair for a machine. */
export const issuePair = async (pair: Pair, values: Values, now: number): Promise<Values> =>
  pairValues(pair.certificate, pair.key, await issue(authorityOf(values), pair, now));

async function makePairs({ wanted, existing, now }: Making, values: Values): Promise<Values> {
  const made = new Map<string, string>();
  for (const pair of machinePairs(wanted)) {
    // Both halves are ours, so a pair that a cut-off run left incomplete is made anew.
    if (existing.has(pair.certificate) && existing.has(pair.key)) continue;
    for (const [name, value] of await issuePair(pair, values, now)) made.set(name, value);
  }
  return made;
}

/** A new random value; undefined for a secret that is not random text. */
export function randomValue({ source }: Wanted): string | undefined {
  return source.kind === "password" || source.kind === "passphrase" || source.kind === "token"
    ? randomText(source.length)
    : undefined;
}

function makeRandom({ wanted, existing }: Making): Values {
  return new Map(
    wanted.flatMap((secret) => {
      const value = existing.has(secret.name) ? undefined : randomValue(secret);
      return value === undefined ? [] : [[secret.name, value] as const];
    }),
  );
}

export const deliveryComment = (stack: string): string => `delivery@${stack}`;

function makeDeliveryKey({ stack, existing }: Making): Values {
  if (existing.has(names.deliveryKey)) return new Map();
  return new Map([[names.deliveryKey, createSshKey(deliveryComment(stack)).privateKey]]);
}

/** The pair nginx shows to the edge. */
export async function originPair(making: Omit<Making, "existing">, values: Values): Promise<Values> {
  const origin = making.wanted.find(({ source }) => source.kind === "origin-certificate")?.source;
  if (origin?.kind !== "origin-certificate") return new Map();
  if (making.signOrigin === undefined) {
    const subject = { commonName: origin.names[0] ?? "origin", names: origin.names, addresses: [] };
    const pair = await issue(authorityOf(values), subject, making.now);
    return pairValues(names.originCertificate, names.originKey, pair);
  }
  const { key, request } = await certificateRequest(origin.names);
  const certificate = await making.signOrigin(request, origin.names);
  return pairValues(names.originCertificate, names.originKey, { key, certificate });
}

/**
 * What the edge shows to nginx. The zone gets a certificate of its own, from an authority that signs nothing else and whose
 * key is thrown away: the one Cloudflare shows by default is the same for all of its customers.
 */
export async function edgePair({ stack, now }: Pick<Making, "stack" | "now">, zone: string): Promise<Values> {
  const authority = await createAuthority(authorityName(`${stack} edge`, now), now);
  const pair = await issue(authority, { commonName: `edge of ${zone}`, names: [], addresses: [] }, now);
  return new Map([
    ...pairValues(names.edgeCertificate, names.edgeKey, pair),
    // Last: with it and without the pair, the edge is taken to show somebody else's certificate.
    [names.edgeAuthority, authority.certificate],
  ]);
}

async function makeEdge(making: Making): Promise<Values> {
  const edge = making.wanted.find(({ source }) => source.kind === "edge-certificate")?.source;
  if (edge?.kind !== "edge-certificate" || making.existing.has(names.edgeAuthority)) return new Map();
  return await edgePair(making, edge.zone);
}

async function makeOrigin(making: Making, values: Values): Promise<Values> {
  const isWanted = making.wanted.some(({ name }) => name === names.originCertificate);
  if (!isWanted || !isAbsent(making.existing, names.originCertificate, names.originKey)) return new Map();
  return await originPair(making, values);
}

/** Everything that is missing and can be made here. */
export async function makeMissing(making: Making): Promise<Made> {
  const values = new Map(making.existing);
  const made = new Map<string, string>();
  const add = (more: Values): void => {
    for (const [name, value] of more) {
      values.set(name, value);
      made.set(name, value);
    }
  };
  add(await makeAuthority(making));
  add(makeDeliveryKey(making));
  add(makeRandom(making));
  add(await makePairs(making, values));
  add(await makeOrigin(making, values));
  add(await makeEdge(making));
  const optional = new Set<string>([names.edgeCertificate, names.edgeKey]);
  return { values: made, missing: making.wanted.filter(({ name }) => !values.has(name) && !optional.has(name)) };
}
