import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";

const migrations = join(import.meta.dirname ?? new URL(".", import.meta.url).pathname, "..", "migrations");

/** Any constant: all instances of the application take the same lock. */
const migrationLock = 4_158_247;

/** A pool that survives the loss of its server: broken connections are dropped and the next query gets a new one. */
export function openDatabase(settings, log) {
  const pool = new pg.Pool({
    ...settings,
    application_name: "chitlaq",
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 30_000,
    query_timeout: 10_000,
    keepAlive: true,
  });
  pool.on("error", (error) => log.warn({ err: error }, "an idle database connection broke"));
  return pool;
}

/** SQLSTATE classes 08 and 57 and refused or reset connections: the server went away, nothing was wrong with the query. */
export function isConnectionFault(error) {
  const code = String(error?.code ?? "");
  return (
    /^(08|57P)/.test(code) ||
    ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT"].includes(code) ||
    /Connection terminated|timeout exceeded when trying to connect|server closed|read-only transaction/.test(
      String(error?.message),
    )
  );
}

/** A read that may be repeated is asked again on a new connection, once. */
export async function read(pool, query) {
  try {
    return await pool.query(query);
  } catch (error) {
    if (!isConnectionFault(error)) throw error;
    return pool.query(query);
  }
}

/** Brings the tables up to date; only one instance works at a time, and each step is applied whole or not at all. */
export async function migrate(pool) {
  const client = await pool.connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [migrationLock]);
    await client.query("CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)");
    const { rows } = await client.query("SELECT name FROM schema_migrations");
    const done = new Set(rows.map(({ name }) => name));
    for (const name of readdirSync(migrations).sort()) {
      if (done.has(name)) continue;
      await client.query(readFileSync(join(migrations, name), "utf8"));
      await client.query("INSERT INTO schema_migrations (name) VALUES ($1)", [name]);
    }
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  } finally {
    client.release();
  }
}
