/** Everything that held the database is gone: machines, volumes, what was not archived. The backups are elsewhere. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { it, type TestContext } from "node:test";
import { openInternetClient } from "../../local/internet/client.ts";
import { slo } from "../../plan/capacity.ts";
import { openStage, type Stage, skip, waitFor } from "./stage.ts";

const noStore = "needs Go to build the object store";

const makeTable = "CREATE TABLE restored (key uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());";

/** Writes a row whose key only this test knows, and tells when the database acknowledged it. */
const write = async (stage: Stage, server: string): Promise<{ readonly key: string; readonly at: number }> => {
  const key = randomUUID();
  await stage.sql(server, `INSERT INTO restored (key) VALUES ('${key}');`);
  return { key, at: Date.now() };
};

/** Rows of the table now, by key. */
const keysIn = async (stage: Stage, server: string): Promise<ReadonlySet<string>> =>
  new Set((await stage.sql(server, "SELECT key FROM restored;")).split("\n"));

/** Closes the log segment that is being written and waits until it is in the object storage. */
const archive = async (stage: Stage, server: string): Promise<void> => {
  const segment = await stage.sql(server, "SELECT pg_walfile_name(pg_switch_wal());");
  await waitFor(`${segment} to be archived`, async () => {
    const last = await stage.sql(server, "SELECT coalesce(last_archived_wal, '') FROM pg_stat_archiver;");
    return last >= segment ? true : last;
  });
};

type Body = { readonly [key: string]: unknown };

const call = async (stage: Stage, method: string, path: string, body?: Body): Promise<Body> => {
  const reply = await stage.cloud.hetzner.request(method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${reply.status} ${JSON.stringify(reply.body)}`);
  return (reply.body ?? {}) as Body;
};

const act = async (stage: Stage, path: string, body?: Body): Promise<void> => {
  const { action } = (await call(stage, "POST", path, body)) as { readonly action: { readonly id: number } };
  await waitFor(path, async () => {
    const answer = (await call(stage, "GET", `/actions/${action.id}`)) as {
      readonly action: { readonly status: string };
    };
    return answer.action.status === "success" ? true : answer.action.status;
  });
};

type Volume = { readonly id: number; readonly server: number | null };

/** Power loss, and then neither the servers nor their volumes exist any more. */
const destroy = async (stage: Stage, servers: readonly string[]): Promise<void> => {
  const ids = servers.map((server) => stage.machine(server).id);
  await Promise.all(servers.map((server) => stage.powerLoss(server)));
  const { volumes } = (await call(stage, "GET", "/volumes")) as { readonly volumes: readonly Volume[] };
  for (const { id, server } of volumes) {
    if (server === null || !ids.includes(server)) continue;
    await act(stage, `/volumes/${id}/actions/change_protection`, { delete: false });
    await act(stage, `/volumes/${id}/actions/detach`);
    await call(stage, "DELETE", `/volumes/${id}`);
  }
  for (const id of ids) {
    await act(stage, `/servers/${id}/actions/change_protection`, { delete: false, rebuild: false });
    await call(stage, "DELETE", `/servers/${id}`);
  }
  await waitFor("the servers to be gone", async () => {
    const { servers: left } = (await call(stage, "GET", "/servers")) as {
      readonly servers: readonly { readonly id: number }[];
    };
    return !left.some(({ id }) => ids.includes(id));
  });
};

type Row = { readonly key: string; readonly at: number };

type History = {
  /** Rows by the moment they were written. */
  readonly inBackup: Row;
  readonly beforeTarget: Row;
  /** A moment between the two rows, by the database's clock. */
  readonly target: string;
  readonly afterTarget: Row;
  /** Acknowledged and not yet archived. */
  readonly last: Row;
};

/** A backup, rows before and after it, and rows that no archive has. */
const makeHistory = async (stage: Stage, server: string): Promise<History> => {
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
  return { inBackup, beforeTarget, target, afterTarget, last: await write(stage, server) };
};

/** What was archived is there; what is lost is younger than the plan allows. */
const assertRestored = async (t: TestContext, stage: Stage, server: string, history: History): Promise<void> => {
  const found = await keysIn(stage, server);
  const { inBackup, beforeTarget, afterTarget, last } = history;
  for (const { key } of [inBackup, beforeTarget, afterTarget]) assert.ok(found.has(key), "an archived row is missing");
  const newest = found.has(last.key) ? last : afterTarget;
  const lostSeconds = (last.at - newest.at) / 1000;
  t.diagnostic(`acknowledged rows of the last ${lostSeconds.toFixed(1)} s are lost`);
  assert.ok(lostSeconds < slo.rpoHours * 3600);
  // A quiet database loses no more than this: a segment is closed after that time at the latest.
  const timeout = Number(await stage.sql(server, "SELECT setting FROM pg_settings WHERE name = 'archive_timeout';"));
  assert.ok(timeout > 0 && timeout <= 300, `archive_timeout is ${timeout} s`);
};

const assertAtTarget = async (stage: Stage, server: string, { beforeTarget, afterTarget }: History): Promise<void> => {
  const found = await keysIn(stage, server);
  assert.ok(found.has(beforeTarget.key), "the row before the moment is missing");
  assert.ok(!found.has(afterTarget.key), "the row after the moment is there");
};

const secondsSince = (moment: number): number => (Date.now() - moment) / 1000;

const assertInTime = (t: TestContext, what: string, seconds: number): void => {
  t.diagnostic(`${what}: ${seconds.toFixed(1)} s`);
  assert.ok(seconds < slo.rtoHours * 3600);
};

/** A visitor of the platform, by its public name and through the edge. */
const isInService = async (stage: Stage): Promise<boolean> => {
  const { edge } = await stage.plan();
  const client = await openInternetClient(stage.cloud.stateDir);
  return (await client.request(`https://api.${edge.zone}/healthz`)).status === 200;
};

it("phase 1 comes back from its backups on a fresh server, also at a point in time", { skip }, async (t) => {
  const server = "server-1";
  const stage = await openStage(t, "phase1");
  if (stage.cloud.endpoints.objectStore !== true) return t.skip(noStore);
  await stage.healthy();
  const history = await makeHistory(stage, server);

  const lost = Date.now();
  await destroy(stage, [server]);
  await stage.up("--refresh");
  await stage.sh(server, "chitlaq-restore --yes");
  await stage.healthy();
  await waitFor("the platform to be in service", () => isInService(stage));
  assertInTime(t, "from the loss of the server to service", secondsSince(lost));
  await assertRestored(t, stage, server, history);

  const again = Date.now();
  await stage.sh(server, `chitlaq-restore --yes --target ${history.target}`);
  await stage.healthy();
  assertInTime(t, "back to a point in time", secondsSince(again));
  await assertAtTarget(stage, server, history);

  await stage.sh(server, "chitlaq-backup full && chitlaq-backup-verify");
  const status = JSON.parse(await stage.sh(server, "chitlaq-backup-status")) as {
    readonly problems: readonly string[];
  };
  assert.deepEqual(status.problems, []);
});

it("phase 2 comes back from its backups when both database machines are gone", { skip }, async (t) => {
  const stage = await openStage(t, "phase2");
  if (stage.cloud.endpoints.objectStore !== true) return t.skip(noStore);
  await stage.healthy();
  const databases = ["db-1", "db-2"] as const;
  const leader = (await stage.leader()) ?? "";
  const history = await makeHistory(stage, leader);

  const lost = Date.now();
  await destroy(stage, databases);
  // Two of three voters are gone for good: the third one gives up its memory and waits for the new ones.
  await stage.sh("redis-1", "chitlaq-etcd-reset --yes");
  await stage.up("--refresh");
  const [first, second] = databases;
  await stage.sh(second, "systemctl stop patroni.service");
  await stage.sh(first, "chitlaq-restore --yes");
  await waitFor("the platform to be in service", () => isInService(stage));
  assertInTime(t, "from the loss of both database machines to service", secondsSince(lost));
  await stage.sh(second, "chitlaq-rejoin --yes");
  await stage.healthy();
  await waitFor("the second member to be synchronous", async () => {
    const states = await stage.sql(first, "SELECT coalesce(string_agg(sync_state, ','), '') FROM pg_stat_replication;");
    return /sync|quorum/.test(states) && !states.includes("async") ? true : states;
  });
  assertInTime(t, "until the second member protects the first", secondsSince(lost));
  await assertRestored(t, stage, first, history);

  const again = Date.now();
  await stage.sh(second, "systemctl stop patroni.service");
  await stage.sh(first, `chitlaq-restore --yes --target ${history.target}`);
  assertInTime(t, "back to a point in time", secondsSince(again));
  await stage.sh(second, "chitlaq-rejoin --yes");
  await stage.healthy();
  await assertAtTarget(stage, second, history);
});
