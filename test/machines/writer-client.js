// Runs on an application machine, with the application's own settings and driver, until its standard input ends. Writes
// one row after the other, each on the same connection while that holds, and prints a line per answer:
//   ack KEY SENT ANSWERED   the row was acknowledged (milliseconds since 1970)
//   err SENT ANSWERED TEXT  it was not; whether it was written is not known
import { randomUUID } from "node:crypto";

const current = "/opt/chitlaq/current";
const { default: pg } = await import(`${current}/node_modules/pg/lib/index.js`);
const { readSettings } = await import(`${current}/src/settings.js`);
const { database } = readSettings(process.env);

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
let ended = false;
process.stdin.resume().once("end", () => {
  ended = true;
});

const open = async () => {
  const client = new pg.Client({ ...database, connectionTimeoutMillis: 2_000, query_timeout: 2_000 });
  client.on("error", () => undefined);
  await client.connect();
  return client;
};

let client;
while (!ended) {
  const key = randomUUID();
  const sent = Date.now();
  try {
    client ??= await open();
    await client.query("INSERT INTO writer_rows (key) VALUES ($1)", [key]);
    process.stdout.write(`ack ${key} ${sent} ${Date.now()}\n`);
    await pause(10);
  } catch (error) {
    process.stdout.write(`err ${sent} ${Date.now()} ${String(error?.message).replaceAll("\n", " ")}\n`);
    // Not waited for: a server that is gone never says goodbye.
    client?.end().catch(() => undefined);
    client = undefined;
    await pause(20);
  }
}
process.exit(0);
