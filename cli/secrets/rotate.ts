/** New values for secrets in use, in steps that keep the platform running. */
import { Fault } from "../errors.ts";
import { createAuthority, createSshKey, readCertificates } from "./keys.ts";
import {
  authorityName,
  deliveryComment,
  edgePair,
  issuePair,
  type Making,
  originPair,
  randomValue,
  type Values,
} from "./make.ts";
import { machinePairs, names, type Wanted } from "./wanted.ts";

export type Rotating = Making & {
  /** Values that only decrypt what exists already may be replaced, and what they encrypted is given up. */
  readonly loseEncrypted: boolean;
};

export type Rotated = {
  readonly values: Values;
  readonly removed: readonly string[];
  /** What the operator has to do next, in order. */
  readonly next: readonly string[];
};

const apply = (stack: string): string => `pulumi up --stack ${stack}`;

const done = (values: Values, ...next: readonly string[]): Rotated => ({ values, removed: [], next });

async function rotatePairs(rotating: Rotating, chosen: (pair: string) => boolean): Promise<Values> {
  const values = new Map<string, string>();
  for (const pair of machinePairs(rotating.wanted)) {
    if (!chosen(pair.certificate) && !chosen(pair.key)) continue;
    for (const entry of await issuePair(pair, rotating.existing, rotating.now)) values.set(...entry);
  }
  return values;
}

/** Passwords, tokens and machines' certificates: what may change at any time, each machine taking the new one in turn. */
async function rotateAll(rotating: Rotating): Promise<Rotated> {
  const values = new Map(await rotatePairs(rotating, () => true));
  for (const secret of rotating.wanted) {
    if (secret.source.kind !== "password" && secret.source.kind !== "token") continue;
    values.set(secret.name, randomValue(secret) ?? "");
  }
  return done(values, apply(rotating.stack));
}

/**
 * Machines must trust the new authority before anything it signed reaches them, and the old one until the last of its
 * certificates is gone. First call: the new one joins the old and signs from now on. Second call: the old one goes.
 */
async function rotateAuthority({ stack, wanted, existing, now }: Rotating): Promise<Rotated> {
  const bundle = existing.get(names.authority) ?? "";
  const [newest, ...older] = readCertificates(bundle) ?? [];
  if (newest === undefined || older.length === 0) {
    const { key, certificate } = await createAuthority(authorityName(stack, now), now);
    // Key first: cut off in between, this is still the first call.
    const values = new Map([
      [names.authorityKey, key],
      [names.authority, certificate + bundle],
    ]);
    const renew = machinePairs(wanted).map((pair) => pair.certificate);
    return done(
      values,
      apply(stack),
      `./chitlaq secrets rotate ${stack} ${renew.join(" ")}`,
      apply(stack),
      `./chitlaq secrets rotate ${stack} ${names.authority}`,
    );
  }
  const behind = machinePairs(wanted).filter(({ certificate }) => {
    const [found] = readCertificates(existing.get(certificate) ?? "") ?? [];
    return found !== undefined && !(found.checkIssued(newest) && found.verify(newest.publicKey));
  });
  if (behind.length > 0) {
    const list = behind.map(({ certificate }) => certificate).join(" ");
    throw new Fault(`${names.authority}: the old authority is still needed by ${list.replaceAll(" ", ", ")}`, [
      `./chitlaq secrets rotate ${stack} ${list}, then ${apply(stack)}, then this again`,
    ]);
  }
  return done(new Map([[names.authority, `${newest.toString().trimEnd()}\n`]]), apply(stack));
}

/** The new key must be known to the machines before it is the one in use: it waits beside the old one for one update. */
function rotateDeliveryKey({ stack, existing }: Rotating): Rotated {
  const waiting = existing.get(names.nextDeliveryKey);
  if (waiting !== undefined) {
    return { values: new Map([[names.deliveryKey, waiting]]), removed: [names.nextDeliveryKey], next: [apply(stack)] };
  }
  const { privateKey } = createSshKey(deliveryComment(stack));
  return done(
    new Map([[names.nextDeliveryKey, privateKey]]),
    apply(stack),
    `./chitlaq secrets rotate ${stack} ${names.deliveryKey}`,
  );
}

function rotateGiven({ stack }: Rotating, { name }: Wanted): never {
  throw new Fault(`${name} comes from elsewhere and cannot be made here.`, [
    `./chitlaq secrets set ${stack} ${name} --file <path>`,
  ]);
}

function rotatePassphrase(rotating: Rotating, secret: Wanted): Rotated {
  if (!rotating.loseEncrypted) {
    throw new Fault(`${secret.name} ${secret.purpose}: with another value everything up to now could not be read.`, [
      "add --lose-encrypted to give that up",
    ]);
  }
  return done(new Map([[secret.name, randomValue(secret) ?? ""]]), apply(rotating.stack));
}

async function rotateOne(rotating: Rotating, secret: Wanted): Promise<Rotated> {
  const { stack } = rotating;
  const { source } = secret;
  switch (source.kind) {
    case "password":
    case "token":
      return done(new Map([[secret.name, randomValue(secret) ?? ""]]), apply(stack));
    case "passphrase":
      return rotatePassphrase(rotating, secret);
    case "certificate":
    case "private-key":
      return done(await rotatePairs(rotating, (half) => half === secret.name), apply(stack));
    case "authority":
    case "authority-key":
      return await rotateAuthority(rotating);
    case "delivery-key":
      return rotateDeliveryKey(rotating);
    case "origin-certificate":
    case "origin-key":
      return done(await originPair(rotating, rotating.existing), apply(stack));
    case "edge-certificate":
    case "edge-key":
      return await rotateEdge(rotating, source.zone);
    case "edge-authority":
    case "given":
      return rotateGiven(rotating, secret);
  }
}

/** nginx goes on trusting the old authority beside the new one, because the edge changes its certificate at its own pace. */
async function rotateEdge(rotating: Rotating, zone: string): Promise<Rotated> {
  const made = await edgePair(rotating, zone);
  const before = readCertificates(rotating.existing.get(names.edgeAuthority) ?? "")?.[0];
  const kept = before === undefined ? "" : `${before.toString().trimEnd()}\n`;
  const values = new Map(made).set(names.edgeAuthority, `${made.get(names.edgeAuthority) ?? ""}${kept}`);
  return done(values, apply(rotating.stack));
}

/** @param chosen names of secrets; none means all that may change at any time. */
export async function rotateSecrets(rotating: Rotating, chosen: readonly string[]): Promise<Rotated> {
  if (chosen.length === 0) return await rotateAll(rotating);
  const unknown = chosen.filter((name) => !rotating.wanted.some((secret) => secret.name === name));
  if (unknown.length > 0) {
    throw new Fault(`${unknown.join(", ")}: stack ${rotating.stack} has no such secret`, [
      `./chitlaq secrets list ${rotating.stack} shows the names`,
    ]);
  }
  const values = new Map<string, string>();
  const [removed, next]: [string[], string[]] = [[], []];
  for (const secret of rotating.wanted.filter(({ name }) => chosen.includes(name))) {
    const one = await rotateOne(rotating, secret);
    for (const entry of one.values) values.set(...entry);
    removed.push(...one.removed);
    next.push(...one.next.filter((step) => !next.includes(step) || next.at(-1) !== step));
  }
  return { values, removed, next };
}
