/** Everything that held the database is gone: machines, volumes, what was not archived. The backups are elsewhere. */
import assert from "node:assert/strict";
import { glob, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { it, type TestContext } from "node:test";
import { slo } from "../../plan/capacity.ts";
import { backTo, loseDatabases, loseServer } from "./disaster.ts";
import {
  addRow,
  assertArchived,
  assertAtTarget,
  assertRow,
  assertSmallLoss,
  assertTimelines,
  makeHistory,
  untilShipped,
} from "./history.ts";
import { registerPerson } from "./person.ts";
import { openStage, type Stage, skip } from "./stage.ts";
import { traces } from "./traces.ts";
import type { Loss } from "./writer.ts";

const noStore = "needs Go to build the object store";

const assertInTime = (t: TestContext, what: string, seconds: number): void => {
  t.diagnostic(`${what}: ${seconds.toFixed(1)} s`);
  assert.ok(seconds < slo.rtoHours * 3600);
};

async function assertLoss(t: TestContext, stage: Stage, server: string, loss: Loss): Promise<void> {
  t.diagnostic(`acknowledged rows of the last ${loss.seconds.toFixed(1)} s are lost (${loss.rows})`);
  await assertSmallLoss(stage, server, loss);
}

/** What `chitlaq-backup-status` finds wrong; its exit says the same. */
async function problems(stage: Stage, server: string): Promise<readonly string[]> {
  const { code, stdout } = await stage.run(server, "chitlaq-backup-status");
  const { problems: found } = JSON.parse(stdout) as { readonly problems: readonly string[] };
  assert.equal(code, found.length > 0 ? 1 : 0);
  return found;
}

/** Several at once, as a timer and a person start them. */
const atOnce = (...commands: readonly string[]): string =>
  `${commands.map((command) => `${command} & p+=($!)`).join("; ")}; for q in "\${p[@]}"; do wait "$q" || exit; done`;

/** The application, the configuration and Valkey's data, and no secret of the stack. */
async function assertFilesWithoutSecrets(stage: Stage, server: string): Promise<void> {
  await stage.sh(server, "systemctl start chitlaq-restic.service");
  const files = await stage.sh(server, "chitlaq-restic ls latest");
  for (const path of ["/etc/chitlaq/machine.env", "/etc/nginx/nginx.conf", "/var/lib/valkey/dump.rdb"])
    assert.ok(files.split("\n").includes(path), path);
  assert.match(files, /^\/opt\/chitlaq\/.*\/package\.json$/m);
  assert.doesNotMatch(files, /appendonlydir/);
  const known = traces(await (await stage.secrets()).store.read());
  assert.ok(known.length > 10);
  // The search itself finds what is there.
  const marker = await stage.sh(server, "hostname");
  const search = "cat >/run/traces; chitlaq-restic dump latest / | LC_ALL=C grep -caFf /run/traces; rm /run/traces";
  assert.notEqual(await stage.sh(server, search, { input: `${marker}\n` }), "0");
  assert.equal(await stage.sh(server, search, { input: `${known.join("\n")}\n` }), "0");
}

/** Pages of a table and a log segment in the object storage, one after the other, are not what they were. */
async function assertDamageIsTold(stage: Stage, server: string): Promise<void> {
  const archived = join(stage.cloud.stateDir, "**", "buckets", "*", stage.stack, "database", "archive", "**", "*.zst");
  let segment: string | undefined;
  for await (const file of glob(archived)) if (segment === undefined || file < segment) segment = file;
  assert.ok(segment !== undefined, archived);
  const whole = await readFile(segment);
  await writeFile(segment, Buffer.from(whole).fill(0, whole.length >> 1, (whole.length >> 1) + 64));
  const verification = await stage.run(server, "chitlaq-backup-verify");
  assert.equal(verification.code, 1);
  assert.match(verification.stdout, /status: error/);
  assert.deepEqual(await problems(stage, server), ["the last verification failed"]);
  await writeFile(segment, whole);

  const path = await stage.sql(
    server,
    "CREATE TABLE broken AS SELECT generate_series(1, 1000); CHECKPOINT; SELECT pg_relation_filepath('broken');",
  );
  await stage.sh(
    server,
    `f=$(. /etc/chitlaq/database.env; echo "$DATA_DIRECTORY")/${path}
    printf XXXX | dd of="$f" bs=1 seek=4000 conv=notrunc status=none; chitlaq-backup full`,
  );
  assert.ok((await problems(stage, server)).includes("the newest backup has pages with wrong checksums"));
  await stage.sql(server, "DROP TABLE broken;");
}

it("phase 1 comes back from its backups on a fresh server, also at a point in time", { skip }, async (t) => {
  const server = "server-1";
  const stage = await openStage(t, "phase1");
  if (stage.cloud.endpoints.objectStore !== true) return t.skip(noStore);
  await stage.healthy();
  await stage.sh(server, atOnce("chitlaq-backup full", "chitlaq-backup diff", "chitlaq-backup-verify"));
  await assertFilesWithoutSecrets(stage, server);
  assert.deepEqual(await problems(stage, server), []);
  await assertDamageIsTold(stage, server);

  await (await registerPerson(stage)).post("shipped by itself");
  t.diagnostic(`a segment is shipped by itself after ${(await untilShipped(stage, server)).toFixed(1)} s`);
  const history = await makeHistory(stage, server);

  const { serviceSeconds, loss } = await loseServer(stage);
  assertInTime(t, "from the loss of the server to service", serviceSeconds);
  await assertLoss(t, stage, server, loss);
  await assertArchived(stage, server, history);

  assertInTime(t, "back to a point in time", await backTo(stage, history.target));
  await assertAtTarget(stage, server, history);

  await stage.sh(server, "chitlaq-backup full && chitlaq-backup-verify && systemctl start chitlaq-restic.service");
  assert.deepEqual(await problems(stage, server), []);
});

it("phase 2 comes back from its backups when both database machines are gone", { skip }, async (t) => {
  const stage = await openStage(t, "phase2");
  if (stage.cloud.endpoints.objectStore !== true) return t.skip(noStore);
  await stage.healthy();
  await stage.sh("redis-1", "systemctl start chitlaq-restic.service");
  assert.deepEqual(await problems(stage, "redis-1"), []);
  const history = await makeHistory(stage, (await stage.leader()) ?? "");

  const refused = await stage.run("db-1", "chitlaq-restore --yes");
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /db-2 runs; stop it first/);

  const { serviceSeconds, protectedSeconds, loss } = await loseDatabases(stage);
  assertInTime(t, "from the loss of both database machines to service", serviceSeconds);
  assertInTime(t, "until the second member protects the first", protectedSeconds);
  await assertLoss(t, stage, "db-1", loss);
  await assertArchived(stage, "db-1", history);

  const later = await addRow(stage, "db-1");
  await assertTimelines(stage, "db-1");
  assertInTime(t, "lost a second time", (await loseDatabases(stage)).serviceSeconds);
  await assertRow(stage, "db-1", later);

  assertInTime(t, "back to a point in time", await backTo(stage, history.target));
  await assertAtTarget(stage, "db-2", history);
});
