import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/**
 * A token of 64 letters and digits. The official hcloud provider refuses any other length, and a random-looking one
 * keeps the Pulumi log filter from blanking ordinary words.
 */
export function createToken(): string {
  let token = "";
  while (token.length < 64) {
    // Bytes of 248 and more would make the first letters likelier than the last.
    for (const byte of randomBytes(96)) if (byte < 248 && token.length < 64) token += alphabet[byte % alphabet.length];
  }
  return token;
}

const digest = (text: string): Buffer => createHash("sha256").update(text).digest();

/** True when the header is `Bearer <token>`. */
export function bearerMatches(header: string | undefined, token: string): boolean {
  const given = /^Bearer +(\S+)$/i.exec(header ?? "")?.[1];
  return given !== undefined && timingSafeEqual(digest(given), digest(token));
}
