/** Everything that held the database is gone: machines, volumes, what was not archived. The backups are elsewhere. */
import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { slo } from "../../plan/capacity.ts";
import { backTo, loseDatabases, loseServer } from "./disaster.ts";
import { assertAtTarget, lostSeconds, makeHistory } from "./history.ts";
import { openStage, skip } from "./stage.ts";

const noStore = "needs Go to build the object store";

const assertInTime = (t: TestContext, what: string, seconds: number): void => {
  t.diagnostic(`${what}: ${seconds.toFixed(1)} s`);
  assert.ok(seconds < slo.rtoHours * 3600);
};

const reportLoss = (t: TestContext, seconds: number): void =>
  t.diagnostic(`acknowledged rows of the last ${seconds.toFixed(1)} s are lost`);

it("phase 1 comes back from its backups on a fresh server, also at a point in time", { skip }, async (t) => {
  const server = "server-1";
  const stage = await openStage(t, "phase1");
  if (stage.cloud.endpoints.objectStore !== true) return t.skip(noStore);
  await stage.healthy();
  const history = await makeHistory(stage, server);

  assertInTime(t, "from the loss of the server to service", await loseServer(stage));
  reportLoss(t, await lostSeconds(stage, server, history));

  assertInTime(t, "back to a point in time", await backTo(stage, history.target));
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
  const history = await makeHistory(stage, (await stage.leader()) ?? "");

  const { serviceSeconds, protectedSeconds } = await loseDatabases(stage);
  assertInTime(t, "from the loss of both database machines to service", serviceSeconds);
  assertInTime(t, "until the second member protects the first", protectedSeconds);
  reportLoss(t, await lostSeconds(stage, "db-1", history));

  assertInTime(t, "back to a point in time", await backTo(stage, history.target));
  await assertAtTarget(stage, "db-2", history);
});
