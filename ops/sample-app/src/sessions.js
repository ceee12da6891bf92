import { createHmac, randomBytes, scrypt, timingSafeEqual } from "node:crypto";
import { promisify } from "node:util";

const scryptAsync = promisify(scrypt);

/** OWASP's minimum for scrypt (Password Storage Cheat Sheet): N = 2^14, r = 8, p = 5. */
const cost = { N: 2 ** 14, r: 8, p: 5 };

export const sessionSeconds = 7 * 24 * 3_600;

export async function hashPassword(password) {
  const salt = randomBytes(16);
  const key = await scryptAsync(password, salt, 32, cost);
  return `${salt.toString("base64")}:${key.toString("base64")}`;
}

export async function verifyPassword(password, stored) {
  const [salt, key] = stored.split(":").map((part) => Buffer.from(part, "base64"));
  return timingSafeEqual(await scryptAsync(password, salt, 32, cost), key);
}

/** Sessions in Redis, under a keyed hash of the token: who reads the store cannot log in with what he finds. */
export function sessionStore(redis, secret) {
  const keyOf = (token) => `session:${createHmac("sha256", secret).update(token).digest("base64url")}`;
  return {
    async open(user) {
      const token = randomBytes(32).toString("base64url");
      await redis.set(keyOf(token), JSON.stringify(user), "EX", sessionSeconds);
      return token;
    },
    async find(token) {
      const value = await redis.get(keyOf(token));
      return value === null ? null : JSON.parse(value);
    },
    async close(token) {
      await redis.del(keyOf(token));
    },
  };
}

export function bearer(header) {
  return /^Bearer ([A-Za-z0-9_-]{20,100})$/.exec(header ?? "")?.[1] ?? null;
}
