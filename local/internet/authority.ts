import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createAuthority, type KeyPair, newKeys, pemOf, sign, x509 } from "../shared/authority.ts";

export type { KeyPair };

/** Who vouches for the web sites of the local cloud's internet. The machines trust it as they trust public authorities. */
export type Authority = {
  /** PEM, for clients. */
  readonly certificate: string;
  /** A certificate for servers and clients alike; the first name is also its subject. */
  issue(names: readonly string[]): Promise<KeyPair>;
};

/** Clients refuse server certificates that are valid for longer (CA/Browser Forum, ballot SC-22). */
const leafDays = 397;

const issuer =
  (root: KeyPair): Authority["issue"] =>
  async (names) => {
    const { publicKey, privateKey } = await newKeys();
    const subject = `CN=${names[0] ?? "local"}`;
    const usages = x509.KeyUsageFlags.digitalSignature;
    const certificate = await sign(root, { subject, names, publicKey, usages, now: Date.now(), days: leafDays });
    return { certificate: `${certificate}\n`, key: await pemOf(privateKey) };
  };

const createRoot = async (): Promise<KeyPair> => {
  const { certificate, key } = await createAuthority(
    `Local internet authority ${randomBytes(3).toString("hex")}`,
    Date.now(),
  );
  return { certificate: `${certificate}\n`, key };
};

const authorityFile = (folder: string): string => join(folder, "authority.json");

/** The authority whose key is kept in `folder`, made at first use. Two first uses at once end with the same one. */
export const openAuthority = async (folder: string): Promise<Authority> => {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const file = authorityFile(folder);
  const stored = readRoot(file);
  if (stored === null) {
    const made = await createRoot();
    try {
      writeFileSync(file, JSON.stringify(made), { mode: 0o600, flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  const root = stored ?? readRoot(file);
  if (root === null) throw new Error(`${file}: cannot be read; remove it`);
  return { certificate: root.certificate, issue: issuer(root) };
};

const readRoot = (file: string): KeyPair | null => {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as KeyPair;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
};
