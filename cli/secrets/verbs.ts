/** `secrets init`, `rotate`, `check`, `list` and `set`. What they print are names; no value is ever shown. */
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";
import { Fault } from "../errors.ts";
import type { Progress } from "../progress.ts";
import { checkSecrets, type Finding, leftOver } from "./check.ts";
import type { Secrets } from "./context.ts";
import { makeMissing, type Values } from "./make.ts";
import { rotateSecrets } from "./rotate.ts";
import type { Stored } from "./store.ts";
import { names, type Wanted } from "./wanted.ts";

const findingLine = ({ name, problem, fix }: Finding): string => `  ${name}: ${problem}; ${fix}`;

const findingsOf = ({ stack, wanted }: Secrets, stored: Stored): readonly Finding[] =>
  checkSecrets({ stack, wanted, ...stored, now: Date.now() });

/** Stores values and brings the public keys of the stack file in line with them. */
async function store(
  secrets: Secrets,
  values: Values,
  removed: readonly string[],
  progress: Progress,
): Promise<Stored> {
  if (values.size > 0) {
    await progress.step(`Storing ${values.size} secrets of ${secrets.stack}, encrypted`, (note) =>
      secrets.store.write(values, note),
    );
  }
  await secrets.store.remove(removed);
  await secrets.store.syncPublicKeys(await secrets.store.read());
  return await secrets.store.read();
}

export type InitOptions = {
  /** Values that come from elsewhere, by name. Those that exist already stay. */
  readonly given?: Values;
};

/**
 * Makes and stores what is missing; may run any number of times.
 * @returns what is still wrong, secrets that somebody else has to give among it.
 */
export async function initSecrets(
  secrets: Secrets,
  progress: Progress,
  { given = new Map() }: InitOptions = {},
): Promise<readonly Finding[]> {
  const { values } = await secrets.store.read();
  const supplied = new Map([...given].filter(([name]) => !values.has(name)));
  const made = await makeMissing({
    stack: secrets.stack,
    wanted: secrets.wanted,
    existing: new Map([...values, ...supplied]),
    now: Date.now(),
    ...(secrets.signOrigin === undefined ? {} : { signOrigin: secrets.signOrigin }),
  });
  const stored = await store(secrets, new Map([...supplied, ...made.values]), [], progress);
  for (const name of [...supplied.keys(), ...made.values.keys()]) progress.say(`  new: ${name}`);
  return findingsOf(secrets, stored);
}

export async function secretsInit(secrets: Secrets, progress: Progress, options: InitOptions = {}): Promise<number> {
  const findings = await initSecrets(secrets, progress, options);
  if (findings.length === 0) {
    console.log(`${secrets.stack}: all ${secrets.wanted.length} secrets are there.`);
    return 0;
  }
  console.log(`${secrets.stack}: not yet complete`);
  for (const finding of findings) console.log(findingLine(finding));
  return 1;
}

export async function secretsCheck(secrets: Secrets): Promise<number> {
  const stored = await secrets.store.read();
  const findings = findingsOf(secrets, stored);
  const old = leftOver(secrets.wanted, stored.values.keys());
  if (findings.length === 0) console.log(`${secrets.stack}: ${secrets.wanted.length} secrets, nothing to say.`);
  else console.log([`${secrets.stack}: ${findings.length} to look at`, ...findings.map(findingLine)].join("\n"));
  if (old.length > 0) {
    console.log(`No longer needed: ${old.join(", ")} (pulumi config rm chitlaq:secret-<name>)`);
  }
  return findings.length === 0 ? 0 : 1;
}

/** In one word; `check` has the reasons. */
const stateOf = ({ name }: Wanted, { values }: Stored, findings: readonly Finding[]): string => {
  if (findings.some((finding) => finding.name === name)) return values.has(name) ? "faulty" : "missing";
  return values.has(name) ? "present" : "not needed";
};

export async function secretsList(secrets: Secrets, json: boolean): Promise<void> {
  const stored = await secrets.store.read();
  const findings = findingsOf(secrets, stored);
  const rows = secrets.wanted.map((secret) => ({
    name: secret.name,
    kind: secret.source.kind,
    state: stateOf(secret, stored, findings),
    machines: secret.machines,
    purpose: secret.purpose,
  }));
  if (json) {
    console.log(JSON.stringify(rows, null, 2));
    return;
  }
  const width = Math.max(...rows.map(({ name }) => name.length));
  for (const { name, state, machines, purpose } of rows) {
    console.log(
      `${name.padEnd(width)}  ${state.padEnd(10)}  ${purpose}${machines.length > 0 ? ` (${machines.join(", ")})` : ""}`,
    );
  }
}

export type RotateOptions = { readonly loseEncrypted: boolean };

export async function secretsRotate(
  secrets: Secrets,
  chosen: readonly string[],
  { loseEncrypted }: RotateOptions,
  progress: Progress,
): Promise<void> {
  const { values: existing } = await secrets.store.read();
  const rotated = await rotateSecrets(
    {
      stack: secrets.stack,
      wanted: secrets.wanted,
      existing,
      now: Date.now(),
      loseEncrypted,
      ...(secrets.signOrigin === undefined ? {} : { signOrigin: secrets.signOrigin }),
    },
    chosen,
  );
  await store(secrets, rotated.values, rotated.removed, progress);
  console.log(`New values: ${[...rotated.values.keys()].join(", ")}`);
  console.log(["Next:", ...rotated.next.map((step, index) => `  ${index + 1}. ${step}`)].join("\n"));
}

/** What a file of one secret holds; a password loses the line break an editor adds, PEM text keeps its own. */
const normalised = (value: string): string => (value.includes("-----BEGIN ") ? `${value.trimEnd()}\n` : value.trim());

/** Stores one value from a file, or from standard input where there is none. */
export async function secretsSet(
  secrets: Secrets,
  name: string,
  file: string | undefined,
  progress: Progress,
): Promise<number> {
  const known = secrets.wanted.find((secret) => secret.name === name);
  if (known === undefined) {
    throw new Fault(`${name}: stack ${secrets.stack} needs no such secret`, [
      `./chitlaq secrets list ${secrets.stack} shows the names`,
    ]);
  }
  if (file === undefined && process.stdin.isTTY) {
    throw new Fault(`${name}: no value was given`, ["--file <path>, or pipe the value in: an argument would be seen"]);
  }
  const value = normalised(file === undefined ? await text(process.stdin) : readFileSync(file, "utf8"));
  if (value === "") throw new Fault(`${name}: the value is empty`);
  // The edge shows either the zone's own certificate or one of the authority that was given.
  const obsolete = name === names.edgeAuthority ? [names.edgeCertificate, names.edgeKey] : [];
  const { values } = await secrets.store.read();
  const removed = obsolete.filter((other) => values.has(other));
  const stored = await store(secrets, new Map([[name, value]]), removed, progress);
  const findings = findingsOf(secrets, stored).filter((finding) => finding.name === name);
  console.log(findings.length === 0 ? `${name} is stored.` : `${name} is stored, but:`);
  for (const finding of findings) console.log(findingLine(finding));
  return findings.length === 0 ? 0 : 1;
}
