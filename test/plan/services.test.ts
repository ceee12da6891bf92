import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { planOf } from "../support/platform.ts";

const names = (members: readonly { readonly machine: string }[] | undefined) =>
  members?.map((member) => member.machine);

describe("the database", () => {
  it("fails over from phase 2 on, within a lease of 20 s", () => {
    assert.equal(planOf(1).services.database.patroni, null);
    const { patroni } = planOf(2).services.database;
    assert.deepEqual([patroni?.ttlSeconds, patroni?.loopWaitSeconds, patroni?.retryTimeoutSeconds], [20, 2, 5]);
    assert.equal(patroni?.synchronous, true);
  });

  it("keeps Patroni's rule that a loop and two retries fit into the lease", () => {
    const { patroni } = planOf(3).services.database;
    assert.ok(patroni !== null && patroni.loopWaitSeconds + 2 * patroni.retryTimeoutSeconds <= patroni.ttlSeconds);
  });

  it("has three votes: a pair borrows one from Redis, a cluster has its own, a single one decides alone", () => {
    const votes = (plan: ReturnType<typeof planOf>) => names(plan.services.database.patroni?.etcd.members);
    assert.deepEqual(votes(planOf(2)), ["db-1", "db-2", "redis-1"]);
    assert.deepEqual(votes(planOf(3)), ["db-1", "db-2", "db-3"]);
    assert.deepEqual(votes(planOf(3, { database: { count: 5 } }))?.length, 5);
    const alone = planOf(2, { database: { standby: false } });
    assert.deepEqual(votes(alone), ["db-1"]);
    assert.equal(alone.services.database.patroni?.synchronous, false);
  });

  it("ships WAL every minute, well within the hour that may be lost", () => {
    for (const phase of [1, 2, 3] as const) assert.equal(planOf(phase).services.database.archiveTimeoutSeconds, 60);
  });

  it("admits the application tier alone", () => {
    const ranges = ([1, 2, 3] as const).map((phase) => planOf(phase).services.database.clientRanges);
    assert.deepEqual(ranges, [["127.0.0.1/32"], ["10.0.2.0/24"], ["10.0.2.0/24"]]);
  });
});

describe("Redis", () => {
  it("fails over where it has a replica, by three Sentinels on three machines", () => {
    assert.equal(planOf(1).services.redis.sentinel, null);
    assert.equal(planOf(2).services.redis.sentinel, null);
    const pair = planOf(2, { redis: { replica: true } }).services.redis.sentinel;
    assert.deepEqual(names(pair?.members), ["redis-1", "redis-2", "db-1"]);
    assert.deepEqual(names(planOf(3).services.redis.sentinel?.members), ["redis-1", "redis-2", "redis-3"]);
  });

  it("is declared dead after 2 s, so that failing over stays within 8 s", () => {
    const sentinel = planOf(3).services.redis.sentinel;
    assert.deepEqual([sentinel?.downAfterMs, sentinel?.failoverTimeoutMs, sentinel?.quorum], [2_000, 10_000, 2]);
  });
});

describe("the load balancer", () => {
  const upstreams = (phase: 1 | 2 | 3) =>
    planOf(phase).services.loadBalancer.upstreams.map(({ machine, ip, port }) => `${machine} ${ip}:${port}`);

  it("passes requests to the application on loopback, to the API tier, or to every k3s machine", () => {
    assert.deepEqual(upstreams(1), ["server-1 127.0.0.1:8080"]);
    assert.deepEqual(upstreams(2), ["api-1 10.0.2.11:8080", "api-2 10.0.2.12:8080"]);
    assert.deepEqual(upstreams(3), [
      "k3s-server-1 10.0.2.191:30080",
      "k3s-server-2 10.0.2.192:30080",
      "k3s-server-3 10.0.2.193:30080",
      "k3s-agent-1 10.0.2.101:30080",
      "k3s-agent-2 10.0.2.102:30080",
    ]);
  });

  it("alone can hold the phase's WebSockets and requests, two connections each", () => {
    for (const phase of [1, 2, 3] as const) {
      const { services, limits, machines } = planOf(phase);
      const vcpu = machines[0]?.vcpu ?? 0;
      const capacity = services.loadBalancer.workerConnections * vcpu;
      assert.ok(capacity >= 2 * (limits.webSocketConnections + limits.requestsPerSecond), `phase ${phase}`);
    }
  });

  it("answers for the hosts of the zone", () => {
    assert.deepEqual(planOf(1).services.loadBalancer.serverNames, [
      "chitlaq.com",
      "www.chitlaq.com",
      "api.chitlaq.com",
    ]);
  });

  it("is the gateway of the machines behind it", () => {
    assert.deepEqual(
      ([1, 2, 3] as const).map((phase) => planOf(phase).services.natGateways),
      [[], ["lb-1"], ["lb-1", "lb-2"]],
    );
  });
});

describe("k3s", () => {
  it("runs the plan's six services on a pinned version, with snapshots every half hour", () => {
    const { k3s } = planOf(3).services;
    assert.equal(k3s?.version, "v1.36.4+k3s1");
    assert.deepEqual(k3s?.services, ["user", "content", "messaging", "feed", "search", "notification"]);
    assert.deepEqual(k3s?.etcdSnapshot, { schedule: "*/30 * * * *", retention: 48 });
    assert.equal(planOf(2).services.k3s, null);
    assert.equal(planOf(3).services.app, null);
  });
});

describe("backups", () => {
  it("go to another location, for 30 days", () => {
    const target = (location: string) => planOf(2, { location }).services.backup.endpoint;
    assert.equal(target("ash"), "fsn1.your-objectstorage.com");
    assert.equal(target("fsn1"), "nbg1.your-objectstorage.com");
    assert.equal(target("nbg1"), "fsn1.your-objectstorage.com");
    assert.equal(planOf(2, { backups: { objectStorage: "hel1" } }).services.backup.region, "hel1");
    assert.equal(planOf(2).services.backup.retentionDays, 30);
  });
});

it("the application is what config names, else the sample", () => {
  const release = { url: "https://example.com/app.tar.gz", sha256: "0".repeat(64), version: "1.4.2" };
  assert.deepEqual(planOf(2, { release }).services.app, { port: 8080, release, memoryMaxMiB: null });
  assert.equal(planOf(2).services.app?.release, null);
});
