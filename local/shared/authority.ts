/** Certificate authorities of the local cloud: they really sign, so that TLS works for whoever trusts them. */

// @peculiar/x509 resolves its classes with tsyringe, which needs this polyfill first.
import "reflect-metadata";
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

/** The library as it must be loaded: after its polyfill. */
export { x509 };

/** Both halves as PEM. */
export type KeyPair = { readonly certificate: string; readonly key: string };

/** ECDSA on P-256, the keys of authorities and of whom they vouch for. */
const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;

export const dayMs = 86_400_000;
const authorityDays = 20 * 365;

const serial = (): string => {
  const bytes = randomBytes(16);
  // A set top bit would make the number negative.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
};

/** Clocks differ: valid since the day before `now`, in milliseconds since 1970, for so many days from it. */
const validity = (now: number, days: number) => ({
  notBefore: new Date(now - dayMs),
  notAfter: new Date(now + days * dayMs),
});

export const newKeys = (): Promise<webcrypto.CryptoKeyPair> =>
  webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);

export const pemOf = async (key: webcrypto.CryptoKey): Promise<string> =>
  createPrivateKey({
    key: Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)),
    format: "der",
    type: "pkcs8",
  })
    .export({ format: "pem", type: "pkcs8" })
    .toString();

/** A root that may sign servers and clients, no further authority. */
export const createAuthority = async (name: string, now: number): Promise<KeyPair> => {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}, O=Local cloud`,
    ...validity(now, authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: certificate.toString("pem"), key: await pemOf(keys.privateKey) };
};

export type Signing = {
  readonly subject: string;
  readonly names: readonly string[];
  readonly publicKey: x509.PublicKeyType;
  readonly usages: x509.KeyUsageFlags;
  readonly now: number;
  readonly days: number;
};

/** A certificate for servers and clients alike, as PEM without a line break at the end. */
export const sign = async (
  authority: KeyPair,
  { subject, names, publicKey, usages, now, days }: Signing,
): Promise<string> => {
  const issuer = new x509.X509Certificate(authority.certificate);
  const der = createPrivateKey(authority.key).export({ format: "der", type: "pkcs8" });
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serial(),
    subject,
    issuer: issuer.subject,
    ...validity(now, days),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(usages, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
      new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
      await x509.AuthorityKeyIdentifierExtension.create(issuer),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return certificate.toString("pem");
};
