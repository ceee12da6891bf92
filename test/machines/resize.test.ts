/** Both database machines get another type by one plain update, under a writer on the application's way. */
import assert from "node:assert/strict";
import { it } from "node:test";
import { openStage, type Stage, skip, waitFor } from "./stage.ts";
import { startWriter } from "./writer.ts";

/** Two changes of the lead, and twice a standby that goes and comes. */
const limitSeconds = 10;
const wanted = "ccx43";

async function typeOf(stage: Stage, server: string): Promise<string> {
  const { body } = await stage.cloud.hetzner.request("GET", `/servers/${stage.machine(server).id}`);
  return (body as { readonly server: { readonly server_type: { readonly name: string } } }).server.server_type.name;
}

const list = "runuser -u postgres -- patronictl -c /etc/patroni/config.yml list -f json";

it("database machines change their type one at a time, and the lead is handed over", { skip }, async (t) => {
  const stage = await openStage(t, "phase2");
  await stage.healthy();
  const leader = await stage.leader();
  assert.ok(leader !== undefined);
  const writer = await startWriter(stage, leader);

  stage.configure({ database: { serverType: wanted } });
  await stage.up();
  await writer.more();
  const written = await writer.stop();

  t.diagnostic(`${written.longestGapSeconds.toFixed(1)} s without a write`);
  assert.ok(written.longestGapSeconds <= limitSeconds, written.errors.join("\n"));
  // Members tell of it once a round.
  await waitFor("settings that wait for no restart", async () => {
    const members = await stage.sh("db-1", list);
    return !members.includes("Pending restart") || members;
  });
  for (const server of ["db-1", "db-2"]) {
    assert.equal(await typeOf(stage, server), wanted);
    await waitFor(`${server} to have every row`, async () => (await written.lostOn(server)) === 0, 60_000);
  }
});
