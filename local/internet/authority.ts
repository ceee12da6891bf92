// @peculiar/x509 resolves its classes with tsyringe, which needs this polyfill first.
import "reflect-metadata";
import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as x509 from "@peculiar/x509";

x509.cryptoProvider.set(webcrypto);

export type KeyPair = { readonly certificate: string; readonly key: string };

/** Who vouches for the web sites of the local cloud's internet. The machines trust it as they trust public authorities. */
export type Authority = {
  /** PEM, for clients. */
  readonly certificate: string;
  /** A certificate for servers and clients alike; the first name is also its subject. */
  issue(names: readonly string[]): Promise<KeyPair>;
};

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const dayMs = 86_400_000;
const authorityDays = 20 * 365;
/** Clients refuse server certificates that are valid for longer (CA/Browser Forum, ballot SC-22). */
const leafDays = 397;

const serial = (): string => {
  const bytes = randomBytes(16);
  // A set top bit would make the number negative.
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x01;
  return bytes.toString("hex");
};

const validity = (days: number) => ({
  notBefore: new Date(Date.now() - dayMs),
  notAfter: new Date(Date.now() + days * dayMs),
});

const pemOf = async (key: webcrypto.CryptoKey): Promise<string> =>
  createPrivateKey({
    key: Buffer.from(await webcrypto.subtle.exportKey("pkcs8", key)),
    format: "der",
    type: "pkcs8",
  })
    .export({ format: "pem", type: "pkcs8" })
    .toString();

const pemCertificate = (certificate: x509.X509Certificate): string => `${certificate.toString("pem")}\n`;

const createRoot = async (name: string): Promise<KeyPair> => {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: `CN=${name}, O=Local cloud`,
    ...validity(authorityDays),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return { certificate: pemCertificate(certificate), key: await pemOf(keys.privateKey) };
};

const issuer = async (root: KeyPair): Promise<Authority["issue"]> => {
  const own = new x509.X509Certificate(root.certificate);
  const der = createPrivateKey(root.key).export({ format: "der", type: "pkcs8" });
  const signingKey = await webcrypto.subtle.importKey("pkcs8", der, algorithm, false, ["sign"]);
  return async (names) => {
    const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
    const certificate = await x509.X509CertificateGenerator.create({
      serialNumber: serial(),
      subject: `CN=${names[0] ?? "local"}`,
      issuer: own.subject,
      ...validity(leafDays),
      signingAlgorithm: algorithm,
      publicKey: keys.publicKey,
      signingKey,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension(names.map((value) => ({ type: "dns", value }))),
        await x509.AuthorityKeyIdentifierExtension.create(own),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return { certificate: pemCertificate(certificate), key: await pemOf(keys.privateKey) };
  };
};

const authorityFile = (folder: string): string => join(folder, "authority.json");

/** The authority whose key is kept in `folder`, made at first use. Two first uses at once end with the same one. */
export const openAuthority = async (folder: string): Promise<Authority> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = authorityFile(folder);
  const stored = readRoot(file);
  if (stored === null) {
    const made = await createRoot(`Local internet authority ${randomBytes(3).toString("hex")}`);
    try {
      writeFileSync(file, JSON.stringify(made), { mode: 0o600, flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  const root = stored ?? readRoot(file);
  if (root === null) throw new Error(`${file}: cannot be read; remove it`);
  return { certificate: root.certificate, issue: await issuer(root) };
};

const readRoot = (file: string): KeyPair | null => {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as KeyPair;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
};
