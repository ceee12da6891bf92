/** What is wrong with a stack's secrets. Names only: no value, and no part of one, leaves this file. */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { readCertificates, readKey, sshPublicKey } from "./keys.ts";
import type { Values } from "./make.ts";
import { names, type Source, type Wanted } from "./wanted.ts";

export type Finding = { readonly name: string; readonly problem: string; readonly fix: string };

export type Checking = {
  readonly stack: string;
  readonly wanted: readonly Wanted[];
  readonly values: Values;
  /** Names that are stored without encryption. */
  readonly plain: readonly string[];
  /** Public keys of the stack file, by name. */
  readonly publicKeys: Readonly<Record<string, string>>;
  /** Milliseconds since 1970. */
  readonly now: number;
};

const dayMs = 86_400_000;

/** Days before the end of a certificate at which it is reported. */
const warningDays = 30;
/** An authority signs what then lasts two years, so its end is told long before. */
const authorityWarningDays = 180;

/** What a random text of letters and digits practically never falls short of. */
const fewestCharacters = 8;

type Look = (checking: Checking, secret: Wanted, value: string) => readonly Omit<Finding, "name">[];

const set = ({ stack }: Checking, name: string): string => `./chitlaq secrets set ${stack} ${name} --file <path>`;
const rotate = ({ stack }: Checking, name: string): string => `./chitlaq secrets rotate ${stack} ${name}`;

const lookAtText: Look = (checking, { name, source }, value) => {
  const length = "length" in source ? source.length : 0;
  const problem =
    value.length < length
      ? `weak: ${value.length} characters, ${length} are wanted`
      : !/^[A-Za-z0-9]*$/.test(value)
        ? "holds more than letters and digits, which the machines' files do not quote"
        : new Set(value).size < fewestCharacters
          ? "weak: hardly any different characters"
          : undefined;
  return problem === undefined ? [] : [{ problem, fix: rotate(checking, name) }];
};

const lookAtGiven: Look = (checking, { name }, value) =>
  value.trim().length < fewestCharacters
    ? [{ problem: `weak: fewer than ${fewestCharacters} characters`, fix: set(checking, name) }]
    : [];

/** End of a certificate, when it is near or past. */
function ending(certificate: X509Certificate, now: number, days: number): string | undefined {
  const end = certificate.validToDate;
  const date = end.toISOString().slice(0, 10);
  if (end.getTime() <= now) return `expired on ${date}`;
  return end.getTime() - now < days * dayMs ? `expires on ${date}, in less than ${days} days` : undefined;
}

const unreadable = (what: string, fix: string) => [{ problem: `is no ${what} in PEM form`, fix }];

const issuedBy = (certificate: X509Certificate, authorities: readonly X509Certificate[]): boolean =>
  authorities.some((authority) => certificate.checkIssued(authority) && certificate.verify(authority.publicKey));

const covers = (certificate: X509Certificate, name: string): boolean =>
  isIP(name) === 0 ? certificate.checkHost(name) !== undefined : certificate.checkIP(name) !== undefined;

const wantedNames = (source: Source): readonly string[] => {
  if (source.kind === "certificate") return [...source.names, ...source.addresses];
  return source.kind === "origin-certificate" ? source.names : [];
};

const keyOf = ({ name }: Wanted): string => name.replace(/\.crt$/, ".key");

const lookAtCertificate: Look = (checking, secret, value) => {
  const { values, now } = checking;
  const fix = rotate(checking, secret.name);
  const certificate = readCertificates(value)?.[0];
  if (certificate === undefined) return unreadable("certificate", fix);
  const key = readKey(values.get(keyOf(secret)) ?? "");
  const stackAuthority = readCertificates(values.get(names.authority) ?? "") ?? [];
  const edgeAuthority = readCertificates(values.get(names.edgeAuthority) ?? "") ?? [];
  const foreign = wantedNames(secret.source).filter((name) => !covers(certificate, name));
  const { kind } = secret.source;
  const problems = [
    key !== undefined && !certificate.checkPrivateKey(key) ? `does not belong to ${keyOf(secret)}` : undefined,
    ending(certificate, now, warningDays),
    foreign.length > 0 ? `does not name ${foreign.join(", ")}` : undefined,
    kind === "certificate" && !issuedBy(certificate, stackAuthority)
      ? "is not signed by the stack's authority"
      : undefined,
    kind === "edge-certificate" && !issuedBy(certificate, edgeAuthority)
      ? `is not signed by ${names.edgeAuthority}`
      : undefined,
  ];
  const refused =
    kind === "origin-certificate" && issuedBy(certificate, stackAuthority)
      ? [
          {
            problem: "is signed by the stack's own authority, which Cloudflare refuses (error 526)",
            fix: `set CLOUDFLARE_API_TOKEN and run ${fix}, or ${set(checking, secret.name)}`,
          },
        ]
      : [];
  return [...problems.flatMap((problem) => (problem === undefined ? [] : [{ problem, fix }])), ...refused];
};

const lookAtAuthority: Look = (checking, { name }, value) => {
  const fix = name === names.authority ? rotate(checking, name) : set(checking, name);
  const certificates = readCertificates(value);
  if (certificates === undefined) return unreadable("certificate", fix);
  // During a change of authority the old one may end; the newest, which signs, stands first.
  const [newest] = certificates;
  const problem = newest === undefined ? undefined : ending(newest, checking.now, authorityWarningDays);
  return problem === undefined ? [] : [{ problem, fix }];
};

const lookAtKey: Look = (checking, { name }, value) =>
  readKey(value) === undefined ? unreadable("private key", rotate(checking, name)) : [];

const lookAtAuthorityKey: Look = (checking, { name }, value) => {
  const key = readKey(value);
  const fix = rotate(checking, names.authority);
  if (key === undefined) return unreadable("private key", fix);
  const newest = readCertificates(checking.values.get(names.authority) ?? "")?.[0];
  return newest === undefined || newest.checkPrivateKey(key)
    ? []
    : [{ problem: `does not belong to the first certificate of ${names.authority} (${name})`, fix }];
};

const lookAtDeliveryKey: Look = (checking, { name }, value) => {
  const publicKey = sshPublicKey(value);
  if (publicKey === undefined) return [{ problem: "is no SSH private key", fix: rotate(checking, name) }];
  const known = Object.values(checking.publicKeys).some((line) => line.startsWith(publicKey));
  const fix = `./chitlaq secrets init ${checking.stack}`;
  return known ? [] : [{ problem: "its public half is not among the stack's ssh.publicKeys", fix }];
};

const looks = {
  password: lookAtText,
  passphrase: lookAtText,
  token: lookAtText,
  given: lookAtGiven,
  authority: lookAtAuthority,
  "edge-authority": lookAtAuthority,
  "authority-key": lookAtAuthorityKey,
  certificate: lookAtCertificate,
  "origin-certificate": lookAtCertificate,
  "edge-certificate": lookAtCertificate,
  "private-key": lookAtKey,
  "origin-key": lookAtKey,
  "edge-key": lookAtKey,
  "delivery-key": lookAtDeliveryKey,
} satisfies Readonly<Record<Source["kind"], Look>>;

/** The edge may show a certificate of somebody else's authority, whose key we do not have. */
const mayBeAbsent = ({ source }: Wanted, values: Values): boolean =>
  (source.kind === "edge-certificate" || source.kind === "edge-key") && values.has(names.edgeAuthority);

function missing(checking: Checking, { name, source }: Wanted): Finding {
  return source.kind === "given"
    ? { name, problem: `missing (${source.hint})`, fix: set(checking, name) }
    : { name, problem: "missing", fix: `./chitlaq secrets init ${checking.stack}` };
}

/** Every fault, in the order of the names. */
export function checkSecrets(checking: Checking): readonly Finding[] {
  const { wanted, values, plain } = checking;
  return wanted.flatMap((secret) => {
    const value = values.get(secret.name);
    if (value === undefined || value === "") {
      return mayBeAbsent(secret, values) ? [] : [missing(checking, secret)];
    }
    const findings = looks[secret.source.kind](checking, secret, value);
    const clear = plain.includes(secret.name)
      ? [{ problem: "is stored in clear text", fix: rotate(checking, secret.name) }]
      : [];
    return [...clear, ...findings].map((finding) => ({ name: secret.name, ...finding }));
  });
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1);

/** Stored secrets that nothing needs any more. */
export function leftOver(wanted: readonly Wanted[], stored: Iterable<string>): readonly string[] {
  const known = new Set<string>([...wanted.map(({ name }) => name), names.nextDeliveryKey]);
  return [...stored].filter((name) => !known.has(name)).toSorted(byText);
}
