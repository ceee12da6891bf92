/** Makes and reads keys and certificates. Everything is PEM text; keys are P-256, and ed25519 for SSH. */
import "reflect-metadata"; // @peculiar/x509 resolves its classes with tsyringe, which needs this polyfill first.
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  randomInt,
  webcrypto,
  X509Certificate,
} from "node:crypto";
import * as x509 from "@peculiar/x509";
import ssh2 from "ssh2";

x509.cryptoProvider.set(webcrypto);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

const dayMs = 86_400_000;
const hourMs = 3_600_000;

/** How long certificates last. Machines' certificates are renewed by `secrets rotate`; authorities outlive several of them. */
export const lifetimes = { authorityDays: 3650, certificateDays: 730 } as const;

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/** Letters and digits, each with equal chance: 5.95 bits a character, and nothing that any file format must quote. */
export function randomText(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join("");
}

const pemOf = (key: KeyObject): string => key.export({ type: "pkcs8", format: "pem" }).toString();

function newKey(): string {
  return pemOf(generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey);
}

const signingKey = (pem: string): Promise<webcrypto.CryptoKey> =>
  webcrypto.subtle.importKey("pkcs8", createPrivateKey(pem).export({ type: "pkcs8", format: "der" }), algorithm, true, [
    "sign",
  ]);

const verifyingKey = (pem: string): Promise<webcrypto.CryptoKey> => {
  const spki = createPublicKey(pem).export({ type: "spki", format: "der" });
  return webcrypto.subtle.importKey("spki", spki, algorithm, true, ["verify"]);
};

/** Twenty positive octets at most (RFC 5280, section 4.1.2.2). */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
}

export type KeyAndCertificate = { readonly key: string; readonly certificate: string };

const validity = (now: number, days: number) => ({
  // Clocks of machines that just booted may be behind.
  notBefore: new Date(now - hourMs),
  notAfter: new Date(now + days * dayMs),
});

/** A self-signed authority for machines' certificates, not for further authorities. */
export async function createAuthority(commonName: string, now: number): Promise<KeyAndCertificate> {
  const key = newKey();
  const keys = { privateKey: await signingKey(key), publicKey: await verifyingKey(key) };
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: [{ CN: [commonName] }],
    ...validity(now, lifetimes.authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { key, certificate: `${certificate.toString("pem")}\n` };
}

export type Subject = {
  readonly commonName: string;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
};

const alternativeNames = ({ names, addresses }: Subject): x509.SubjectAlternativeNameExtension =>
  new x509.SubjectAlternativeNameExtension([
    ...names.map((value) => ({ type: "dns", value }) as const),
    ...addresses.map((value) => ({ type: "ip", value }) as const),
  ]);

/** A new key with a certificate for it, good as server and as client. Never outlives its authority. */
export async function issue(authority: KeyAndCertificate, subject: Subject, now: number): Promise<KeyAndCertificate> {
  const key = newKey();
  const publicKey = await verifyingKey(key);
  const issuer = new x509.X509Certificate(authority.certificate);
  const { notBefore, notAfter } = validity(now, lifetimes.certificateDays);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [subject.commonName] }],
    issuer: issuer.subject,
    notBefore,
    notAfter: new Date(Math.min(notAfter.getTime(), issuer.notAfter.getTime())),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await signingKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      ...(subject.names.length + subject.addresses.length === 0 ? [] : [alternativeNames(subject)]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return { key, certificate: `${certificate.toString("pem")}\n` };
}

/** A new key and a request to have it signed for these names. */
export async function certificateRequest(
  names: readonly string[],
): Promise<{ readonly key: string; readonly request: string }> {
  const key = newKey();
  const keys = { privateKey: await signingKey(key), publicKey: await verifyingKey(key) };
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [names[0] ?? "origin"] }],
    keys,
    signingAlgorithm: algorithm,
    extensions: [alternativeNames({ commonName: "", names, addresses: [] })],
  });
  return { key, request: request.toString("pem") };
}

const block = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The certificates of a PEM text, in order; undefined when it holds none or one that cannot be read. */
export function readCertificates(pem: string): readonly X509Certificate[] | undefined {
  try {
    const found = (pem.match(block) ?? []).map((text) => new X509Certificate(text));
    return found.length === 0 ? undefined : found;
  } catch {
    return undefined;
  }
}

/** Undefined when the text is no private key. */
export function readKey(pem: string): KeyObject | undefined {
  try {
    return createPrivateKey(pem);
  } catch {
    return undefined;
  }
}

export type SshPair = { readonly privateKey: string; readonly publicKey: string };

/**
 * A key in OpenSSH's own form; `comment` stands behind the public half. About one in 150 pairs that ssh2 1.17.0 makes lacks a
 * leading zero byte in one half and is refused by OpenSSH, so pairs are made until one is whole.
 */
export function createSshKey(comment: string): SshPair {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519", { comment });
    if (isWhole(pair.private, pair.public)) return { privateKey: pair.private, publicKey: pair.public };
  }
}

/** Bytes of an Ed25519 public key as SSH writes it: two lengths, the word `ssh-ed25519` and 32 bytes (RFC 8709). */
const publicBlobBytes = 4 + 11 + 4 + 32;

function isWhole(privateKey: string, publicKey: string): boolean {
  const halves = [privateKey, publicKey].map((text) => [ssh2.utils.parseKey(text)].flat()[0]);
  const [signer, verifier] = halves;
  if (signer === undefined || signer instanceof Error || verifier === undefined || verifier instanceof Error)
    return false;
  if (verifier.getPublicSSH().length !== publicBlobBytes) return false;
  const message = Buffer.from("whole");
  const signature = signer.sign(message);
  return !(signature instanceof Error) && verifier.verify(message, signature) === true;
}

/** Public half of an SSH key, without a comment; undefined for a text that is no SSH private key. */
export function sshPublicKey(privateKey: string): string | undefined {
  const parsed = ssh2.utils.parseKey(privateKey);
  const key = Array.isArray(parsed) ? parsed[0] : parsed;
  if (key === undefined || key instanceof Error || !key.isPrivateKey()) return undefined;
  return `${key.type} ${key.getPublicSSH().toString("base64")}`;
}
