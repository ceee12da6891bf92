import { readFileSync } from "node:fs";

/** Everything the environment says, checked once; a fault names the variable. */
export function readSettings(env) {
  const faults = [];
  const text = (name, fallback) => {
    const value = env[name] ?? fallback;
    if (value === undefined) faults.push(`${name} is not set`);
    return value;
  };
  const integer = (name, fallback) => {
    const value = Number(env[name] || fallback);
    if (!Number.isInteger(value) || value < 0) faults.push(`${name}: ${env[name]} is not a whole number`);
    return value;
  };
  const settings = {
    version: env.APP_VERSION ?? "development",
    host: text("HOST", "127.0.0.1"),
    port: integer("PORT", 8080),
    sessionSecret: text("SESSION_SECRET"),
    maxWebSockets: integer("MAX_WEBSOCKETS", 10_000),
    // Longer than nginx keeps an idle connection to us (5 s), so that it never writes to one we are closing.
    drainSeconds: integer("DRAIN_SECONDS", 7),
    database: {
      host: text("DATABASE_HOST"),
      port: integer("DATABASE_PORT", 5432),
      database: text("DATABASE_NAME"),
      user: text("DATABASE_USER"),
      password: text("DATABASE_PASSWORD"),
      max: integer("DATABASE_POOL_SIZE", 10),
      ssl: tls(env, faults),
    },
    redis: {
      host: text("REDIS_HOST", "127.0.0.1"),
      port: integer("REDIS_PORT", 6379),
      username: env.REDIS_USERNAME,
      password: env.REDIS_PASSWORD,
      sentinels: addresses(env.REDIS_SENTINELS ?? ""),
      sentinelPassword: env.REDIS_SENTINEL_PASSWORD,
      masterName: env.REDIS_MASTER_NAME,
    },
  };
  if (faults.length > 0) throw new Error(`settings: ${faults.join("; ")}`);
  return settings;
}

function tls(env, faults) {
  switch (env.DATABASE_SSLMODE ?? "disable") {
    case "disable":
      return false;
    case "verify-full":
      return { ca: readFileSync(env.DATABASE_SSLROOTCERT, "utf8") };
    default:
      faults.push(`DATABASE_SSLMODE: ${env.DATABASE_SSLMODE} is neither disable nor verify-full`);
      return false;
  }
}

function addresses(list) {
  return list
    .split(",")
    .filter((entry) => entry !== "")
    .map((entry) => {
      const [host, port] = entry.split(":");
      return { host, port: Number(port) };
    });
}
