/** Rows around a backup, with keys that only the test knows, so that it can tell which of them came back. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { slo } from "../../plan/capacity.ts";
import { type Stage, waitFor } from "./stage.ts";
import type { Loss } from "./writer.ts";

const makeTable = "CREATE TABLE restored (key uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());";

/** Keys of rows, and a moment between two of them. */
export type History = {
  readonly inBackup: string;
  readonly beforeTarget: string;
  /** A moment between the two rows, by the database's clock. */
  readonly target: string;
  readonly afterTarget: string;
};

/** Writes a row; its key. */
async function write(stage: Stage, server: string): Promise<string> {
  const key = randomUUID();
  await stage.sql(server, `INSERT INTO restored (key) VALUES ('${key}');`);
  return key;
}

async function keysIn(stage: Stage, server: string): Promise<ReadonlySet<string>> {
  return new Set((await stage.sql(server, "SELECT key FROM restored;")).split("\n"));
}

/** Closes the log segment that is being written and waits until it is in the object storage. */
export async function archive(stage: Stage, server: string): Promise<void> {
  const segment = await stage.sql(server, "SELECT pg_walfile_name(pg_switch_wal());");
  await waitFor(`${segment} to be archived`, async () => {
    const last = await stage.sql(server, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver;");
    return last >= segment ? true : last;
  });
}

/** Seconds until the segment that is being written now was closed and shipped without anybody's help. */
export async function untilShipped(stage: Stage, server: string): Promise<number> {
  const began = performance.now();
  const segment = await stage.sql(server, "SELECT pg_walfile_name(pg_current_wal_lsn());");
  const timeout = await archiveTimeout(stage, server);
  const shipped = async () => {
    const last = await stage.sql(server, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver;");
    return last >= segment ? true : last;
  };
  // The checkpointer looks at the clock now and then; the rest is for the upload.
  await waitFor(`${segment} to be shipped by itself`, shipped, (timeout + 30) * 1000);
  return (performance.now() - began) / 1000;
}

/** A quiet database loses no more than this many seconds: a segment is closed after that time at the latest. */
async function archiveTimeout(stage: Stage, server: string): Promise<number> {
  const timeout = Number(await stage.sql(server, "SELECT setting FROM pg_settings WHERE name = 'archive_timeout';"));
  assert.ok(timeout > 0 && timeout <= 300, `archive_timeout is ${timeout} s`);
  return timeout;
}

/** One more row, archived; its key. */
export async function addRow(stage: Stage, server: string): Promise<string> {
  const key = await write(stage, server);
  await archive(stage, server);
  return key;
}

export async function assertRow(stage: Stage, server: string, key: string): Promise<void> {
  assert.ok((await keysIn(stage, server)).has(key), "an archived row is missing");
}

/** Fails unless the repository knows how every timeline up to the present one began: a recovery counts up through them. */
export async function assertTimelines(stage: Stage, server: string): Promise<void> {
  const current = Number(await stage.sql(server, "SELECT timeline_id FROM pg_control_checkpoint();"));
  assert.ok(current > 1, `timeline ${current}`);
  const list = "runuser -u postgres -- pgbackrest --stanza=chitlaq repo-ls --recurse archive/chitlaq";
  const files = await stage.sh(server, list);
  for (let timeline = 2; timeline <= current; timeline += 1) {
    const name = `${timeline.toString(16).toUpperCase().padStart(8, "0")}.history`;
    assert.ok(files.includes(name), `${name} is not in the repository`);
  }
}

/** A backup, and archived rows before and after it. */
export async function makeHistory(stage: Stage, server: string): Promise<History> {
  await stage.sql(server, makeTable);
  const inBackup = await write(stage, server);
  await stage.sh(server, "chitlaq-backup full");
  // pgBackRest knows the end of a backup by the second, and recovers from one that ended in an earlier second.
  const end = "pgbackrest --stanza=chitlaq info --output=json | jq '.[0].backup[-1].timestamp.stop'";
  await waitFor("the backup's last second to pass", () =>
    stage.run(server, `(( $(date +%s) > $(runuser -u postgres -- ${end}) ))`).then(({ code }) => code === 0),
  );
  const beforeTarget = await write(stage, server);
  const format = `'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'`;
  const target = await stage.sql(server, `SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', ${format});`);
  const afterTarget = await write(stage, server);
  await archive(stage, server);
  return { inBackup, beforeTarget, target, afterTarget };
}

/** Fails unless everything that was archived is there. */
export async function assertArchived(stage: Stage, server: string, history: History): Promise<void> {
  const found = await keysIn(stage, server);
  for (const key of [history.inBackup, history.beforeTarget, history.afterTarget])
    assert.ok(found.has(key), "an archived row is missing");
}

/** Fails unless what a disaster took is no more than a segment that was being written, far less than the plan allows. */
export async function assertSmallLoss(stage: Stage, server: string, { seconds }: Loss): Promise<void> {
  assert.ok(seconds < slo.rpoHours * 3600);
  assert.ok(seconds < (await archiveTimeout(stage, server)) + 30, `rows of ${seconds} s are lost`);
}

/** Fails unless the database is as it was at the moment between the two rows. */
export async function assertAtTarget(stage: Stage, server: string, history: History): Promise<void> {
  const found = await keysIn(stage, server);
  assert.ok(found.has(history.beforeTarget), "the row before the moment is missing");
  assert.ok(!found.has(history.afterTarget), "the row after the moment is there");
}
