/** Ways in which the leading database machine fails, and what a writer on the application's way sees of each. */
import assert from "node:assert/strict";
import { type Stage, waitFor } from "./stage.ts";
import { startWriter, type Written } from "./writer.ts";

/** A switched-off machine that boots has to wait for nobody; a cut one may have to rewind. */
const rejoinSeconds = 180;

type Member = { readonly Member: string; readonly Role: string; readonly State: string };

export type Failure = {
  readonly name: string;
  /** Whether the lead must move; killed processes may be back before the lease ends. */
  readonly moves: boolean;
  strike(stage: Stage, server: string): Promise<void>;
  mend(stage: Stage, server: string): Promise<void>;
};

export const failures: readonly Failure[] = [
  {
    name: "its processes are killed",
    moves: false,
    strike: async (stage, server) => {
      await stage.run(server, "pkill -KILL -x patroni; pkill -KILL -x postgres; pkill -KILL -x pgbouncer");
    },
    mend: async () => undefined,
  },
  {
    name: "its machine is killed",
    moves: true,
    strike: (stage, server) => stage.crash(server),
    mend: (stage, server) => stage.power(server, "on"),
  },
  {
    name: "its machine loses power in silence",
    moves: true,
    strike: (stage, server) => stage.powerLoss(server),
    mend: (stage, server) => stage.power(server, "on"),
  },
  {
    name: "its network is cut for longer than the lease",
    moves: true,
    strike: (stage, server) => stage.cut(server),
    mend: (stage, server) => stage.heal(server),
  },
];

const other = (server: string): string => (server === "db-1" ? "db-2" : "db-1");

async function leaderOf(stage: Stage): Promise<string> {
  const leader = await stage.leader();
  assert.ok(leader !== undefined, "nobody leads");
  return leader;
}

/** Waits until `standby` follows in step, so that the next failure finds a healthy pair. */
async function inStep(stage: Stage, leader: string, standby: string): Promise<void> {
  const list = "runuser -u postgres -- patronictl -c /etc/patroni/config.yml list -f json";
  const look = async () => {
    const members = JSON.parse(await stage.sh(leader, list)) as readonly Member[];
    const follower = members.find(({ Member: name }) => name === standby);
    return (follower?.Role === "Sync Standby" && follower.State === "streaming") || JSON.stringify(members);
  };
  await waitFor(`${standby} to follow ${leader} in step`, look, rejoinSeconds * 1000);
}

/**
 * One failure of whoever leads, to the end: mended and followed again. Fails when an acknowledged row is missing on either
 * member afterwards.
 */
export async function failLeader(stage: Stage, { name, moves, strike, mend }: Failure): Promise<Written> {
  const struck = await leaderOf(stage);
  await inStep(stage, struck, other(struck));
  const writer = await startWriter(stage, struck);
  await strike(stage, struck);
  if (moves) await waitFor(`${other(struck)} to lead`, async () => (await stage.leader()) === other(struck), 60_000);
  await writer.more();
  await mend(stage, struck);
  const heir = await leaderOf(stage);
  const follower = other(heir);
  await inStep(stage, heir, follower);
  // Rows written while the old leader is back must reach both.
  await writer.more();
  const written = await writer.stop();
  assert.ok(written.acknowledged >= 100);
  assert.equal(await written.lostOn(heir), 0, `${name}: acknowledged rows are not on the new leader`);
  await waitFor(`${follower} to have every row`, async () => (await written.lostOn(follower)) === 0, 30_000);
  return written;
}

/** A planned change of the lead, and back in step. Fails when an acknowledged row is missing afterwards. */
export async function switchLeader(stage: Stage): Promise<Written> {
  const leader = await leaderOf(stage);
  const heir = other(leader);
  await inStep(stage, leader, heir);
  const writer = await startWriter(stage, leader);
  const patronictl = "runuser -u postgres -- patronictl -c /etc/patroni/config.yml";
  await stage.sh(leader, `${patronictl} switchover --leader ${leader} --candidate ${heir} --force`);
  await waitFor(`${heir} to lead`, async () => (await stage.leader()) === heir, 60_000);
  await writer.more();
  const written = await writer.stop();
  assert.equal(await written.lostOn(heir), 0, "a planned switchover lost acknowledged rows");
  await inStep(stage, heir, leader);
  return written;
}
