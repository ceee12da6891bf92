/** The worst day: servers and their volumes do not exist any more. What recovers them is the operator's own way. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { openInternetClient } from "../../local/internet/client.ts";
import { archive } from "./history.ts";
import { registerPerson } from "./person.ts";
import { type Stage, waitFor } from "./stage.ts";
import { type Loss, startWriter } from "./writer.ts";

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

/** Power loss, and then neither the servers nor their volumes exist. */
export async function destroy(stage: Stage, servers: readonly string[]): Promise<void> {
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
}

/**
 * Somebody registers through the application and posts; the post is archived. The answer tells whether visitors can read it,
 * by the platform's public name and through the edge: that is when the data is in service.
 */
async function leavePost(stage: Stage, database: string): Promise<() => Promise<true | string>> {
  const person = await registerPerson(stage);
  const text = randomUUID();
  const id = await person.post(text);
  await archive(stage, database);
  const { edge } = await stage.plan();
  return async () => {
    const client = await openInternetClient(stage.cloud.stateDir);
    const { status, body } = await client.request(`https://api.${edge.zone}/api/posts/${id}`, { timeoutMs: 5000 });
    const answer = body.toString();
    return status === 200 && (JSON.parse(answer) as { readonly body: string }).body === text
      ? true
      : `${status} ${answer.slice(0, 200)}`;
  };
}

const secondsSince = (moment: number): number => (performance.now() - moment) / 1000;

export type Recovery = {
  /** From the loss until a visitor reads a post of before. */
  readonly serviceSeconds: number;
  /** What was acknowledged and not yet archived. */
  readonly loss: Loss;
};

/** So many rows are acknowledged after the last archived segment: the loss is to be seen. */
const unarchivedRows = 300;

/** Loses phase 1's only server while it is written to, and brings it back. */
export async function loseServer(stage: Stage): Promise<Recovery> {
  const writer = await startWriter(stage, "server-1", "server-1");
  const isInService = await leavePost(stage, "server-1");
  await writer.more(unarchivedRows);
  const lost = performance.now();
  await destroy(stage, ["server-1"]);
  await stage.up("--refresh");
  await stage.sh("server-1", "chitlaq-restore --yes");
  await stage.healthy();
  await waitFor("the platform to be in service", isInService);
  const serviceSeconds = secondsSince(lost);
  return { serviceSeconds, loss: await (await writer.stop()).lossOn("server-1") };
}

export type PairRecovery = Recovery & {
  /** From the loss until a commit is on two machines again. */
  readonly protectedSeconds: number;
};

/** Loses both database machines of phase 2 while they are written to, and brings them back. */
export async function loseDatabases(stage: Stage): Promise<PairRecovery> {
  const [first, second] = ["db-1", "db-2"] as const;
  const leader = (await stage.leader()) ?? first;
  const writer = await startWriter(stage, leader);
  const isInService = await leavePost(stage, leader);
  await writer.more(unarchivedRows);
  const lost = performance.now();
  await destroy(stage, [first, second]);
  const written = await writer.stop();
  // Two of three voters are gone for good: the third one gives up its memory and waits for the new ones.
  await stage.sh("redis-1", "chitlaq-etcd-reset --yes");
  await stage.up("--refresh");
  await stage.sh(second, "systemctl stop patroni.service");
  await stage.sh(first, "chitlaq-restore --yes");
  await waitFor("the platform to be in service", isInService);
  const serviceSeconds = secondsSince(lost);
  await stage.sh(second, "chitlaq-rejoin --yes");
  await stage.healthy();
  await waitFor("the second member to be synchronous", async () => {
    const states = await stage.sql(first, "SELECT coalesce(string_agg(sync_state, ','), '') FROM pg_stat_replication;");
    return /sync|quorum/.test(states) && !states.includes("async") ? true : states;
  });
  const protectedSeconds = secondsSince(lost);
  return { serviceSeconds, protectedSeconds, loss: await written.lossOn(first) };
}

/** The state of the database at a moment; seconds until it answers. */
export async function backTo(stage: Stage, moment: string): Promise<number> {
  const began = performance.now();
  if (stage.stack === "phase1") {
    await stage.sh("server-1", `chitlaq-restore --yes --target ${moment}`);
    await stage.healthy();
    return secondsSince(began);
  }
  await stage.sh("db-2", "systemctl stop patroni.service");
  await stage.sh("db-1", `chitlaq-restore --yes --target ${moment}`);
  const seconds = secondsSince(began);
  await stage.sh("db-2", "chitlaq-rejoin --yes");
  await stage.healthy();
  return seconds;
}
