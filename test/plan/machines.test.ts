import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { ladderOf } from "../../plan/capacity.ts";
import type { Machine, Plan } from "../../plan/types.ts";
import { messagesOf } from "../support/faults.ts";
import { machineOf, planOf } from "../support/platform.ts";

const namesOf = (plan: Plan) => plan.machines.map((machine) => machine.name);

describe("the machines of a phase", () => {
  it("are those of the capacity plan", () => {
    assert.deepEqual(namesOf(planOf(1)), ["server-1"]);
    assert.deepEqual(namesOf(planOf(2)), ["lb-1", "api-1", "api-2", "db-1", "db-2", "redis-1"]);
    assert.deepEqual(namesOf(planOf(3)), [
      "lb-1",
      "lb-2",
      "k3s-server-1",
      "k3s-server-2",
      "k3s-server-3",
      "k3s-agent-1",
      "k3s-agent-2",
      "db-1",
      "db-2",
      "db-3",
      "redis-1",
      "redis-2",
      "redis-3",
    ]);
  });

  it("follow the switches", () => {
    const plan = planOf(2, { database: { standby: false }, redis: { replica: true } });
    assert.deepEqual(namesOf(plan), ["lb-1", "api-1", "api-2", "db-1", "redis-1", "redis-2"]);
  });

  it("have host names and labels that say where they belong", () => {
    const machine = machineOf(planOf(2), "db-2");
    assert.equal(machine.hostname, "chitlaq-phase2-db-2");
    assert.deepEqual(machine.labels, { project: "chitlaq", stack: "phase2", phase: "2", role: "database" });
  });

  it("hold data only as server, database, redis and k3s server", () => {
    const stateful = [1, 2, 3].map((phase) =>
      planOf(phase as 1 | 2 | 3).machines.flatMap((machine) => (machine.stateful ? [machine.name] : [])),
    );
    assert.deepEqual(stateful, [
      ["server-1"],
      ["db-1", "db-2", "redis-1"],
      ["k3s-server-1", "k3s-server-2", "k3s-server-3", "db-1", "db-2", "db-3", "redis-1", "redis-2", "redis-3"],
    ]);
  });

  it("have a public address only as server and load balancer", () => {
    const open = planOf(3).machines.filter((machine) => machine.primaryIp !== null);
    assert.deepEqual(
      open.map((machine) => [machine.name, machine.primaryIp, machine.firewall]),
      [
        ["lb-1", "lb-1-ipv4", "load-balancer"],
        ["lb-2", "lb-2-ipv4", "load-balancer"],
      ],
    );
  });

  it("are backed up by Hetzner in phase 1, and later where they hold data if config says so", () => {
    assert.equal(machineOf(planOf(1), "server-1").providerBackups, true);
    assert.ok(planOf(2).machines.every((machine) => !machine.providerBackups));
    const backedUp = planOf(2, { backups: { provider: true } }).machines.filter((machine) => machine.providerBackups);
    assert.deepEqual(
      backedUp.map((machine) => machine.name),
      ["db-1", "db-2", "redis-1"],
    );
  });
});

describe("spread placement groups", () => {
  it("keep a tier's machines apart, and the votes that database and Redis hold for each other", () => {
    assert.deepEqual(
      planOf(2).placementGroups.map(({ name, providerName, machines }) => [name, providerName, machines.join(" ")]),
      [
        ["edge", "chitlaq-phase2-edge", "lb-1"],
        ["app", "chitlaq-phase2-app", "api-1 api-2"],
        ["data", "chitlaq-phase2-data", "db-1 db-2 redis-1"],
      ],
    );
    assert.deepEqual(planOf(1).placementGroups, []);
  });

  it("are full but not too full at the largest counts", () => {
    const largest = planOf(3, { k3s: { servers: 3, agents: 7 }, database: { count: 5 }, redis: { count: 5 } });
    assert.deepEqual(
      largest.placementGroups.map((group) => group.machines.length),
      [2, 10, 10],
    );
  });
});

describe("data volumes", () => {
  it("carry PostgreSQL, one for each machine that runs it", () => {
    const volumes = (phase: 1 | 2 | 3) =>
      planOf(phase).volumes.map(({ name, machine, sizeGiB }) => [name, machine, sizeGiB]);
    assert.deepEqual(volumes(1), [["server-1-data", "server-1", 80]]);
    assert.deepEqual(volumes(2), [
      ["db-1-data", "db-1", 100],
      ["db-2-data", "db-2", 100],
    ]);
    assert.equal(planOf(3).volumes[2]?.sizeGiB, 250);
    assert.ok(planOf(3).volumes.every(({ format, mount }) => format === "ext4" && mount === "/var/lib/postgresql"));
  });
});

describe("phase 1's vertical steps", () => {
  const step = (serverType: string, server: Readonly<Record<string, unknown>> = {}, location = "ash") =>
    machineOf(planOf(1, { location, server: { serverType, ...server } }), "server-1");

  it("are all possible and keep name, address, volume and disk", () => {
    const what = ({ serverType, vcpu, memoryGiB, typeChoice, cpu, ...rest }: Machine) => rest;
    const steps = ladderOf("ash").map((type) => step(type));
    assert.deepEqual(
      steps.map((machine) => machine.serverType),
      ["cpx21", "cpx31", "cpx41", "cpx51"],
    );
    for (const machine of steps) assert.deepEqual(what(machine), what(step("cpx21")));
    assert.equal(step("cpx51").diskGiB, 80);
  });

  it("lead to the upgrade target of 4 vCPU and 16 GB in every location", () => {
    for (const location of ["ash", "hil", "fsn1", "nbg1", "hel1", "sin"] as const) {
      const steps = ladderOf(location).map((type) => step(type, {}, location));
      assert.ok(
        steps.some((machine) => machine.vcpu >= 4 && machine.memoryGiB >= 16),
        location,
      );
    }
  });

  it("reach the target's 320 GB by disk and volume together", () => {
    const grown = planOf(1, { server: { serverType: "cpx41", keepDisk: false } });
    assert.equal(machineOf(grown, "server-1").diskGiB + (grown.volumes[0]?.sizeGiB ?? 0), 320);
    const kept = planOf(1, { server: { serverType: "cpx41", volumeGiB: 240 } });
    assert.equal(machineOf(kept, "server-1").diskGiB + (kept.volumes[0]?.sizeGiB ?? 0), 320);
  });

  it("grow the disk only when asked", () => {
    assert.equal(step("cpx41", { keepDisk: false }).diskGiB, 240);
    assert.equal(step("cpx41", { diskGiB: 160 }).diskGiB, 160);
  });

  it("never shrink the disk", () => {
    assert.deepEqual(
      messagesOf(() => step("cpx21", { diskGiB: 240 })),
      [
        "server.serverType: cpx21 (80 GB disk) given, the server's disk has 240 GB and disks never shrink; set platform.server.serverType to a type with at least 240 GB, or move the data to a new server",
      ],
    );
  });

  it("leave at least the 160 GB the capacity plan starts with", () => {
    assert.deepEqual(
      messagesOf(() => step("cpx41", { volumeGiB: 40 })),
      [
        "server.volumeGiB: 40 given, disk (80 GB) and volume together must have 160 GB; set platform.server.volumeGiB to 80 or more",
      ],
    );
  });
});

/** What must stay the same about a machine for it to be the same machine. */
const identityOf = ({ name, hostname, privateIp, primaryIp, volumes, placementGroup }: Machine) =>
  JSON.stringify({ name, hostname, privateIp, primaryIp, volumes, placementGroup });

const identities = (plan: Plan): ReadonlySet<string> => new Set(plan.machines.map(identityOf));

describe("machines keep their identity", () => {
  const counts = fc.record({
    k3sServers: fc.constantFrom(3, 5),
    agents: fc.integer({ min: 0, max: 5 }),
    database: fc.constantFrom(3, 5),
    redis: fc.constantFrom(3, 5),
    loadBalancers: fc.integer({ min: 2, max: 4 }),
  });
  const planFor = (count: typeof counts extends fc.Arbitrary<infer T> ? T : never) =>
    planOf(3, {
      k3s: { servers: count.k3sServers, agents: count.agents },
      database: { count: count.database },
      redis: { count: count.redis },
      loadBalancer: { count: count.loadBalancers },
    });

  it("when any count grows or shrinks", () => {
    fc.assert(
      fc.property(counts, counts, (before, after) => {
        const [a, b] = [planFor(before), planFor(after)];
        const names = new Set(namesOf(b));
        const kept = a.machines.filter((machine) => names.has(machine.name));
        for (const machine of kept) assert.ok(identities(b).has(identityOf(machine)), machine.name);
        assert.equal(kept.length, sumOfMinima(before, after));
      }),
      { numRuns: 60 },
    );
  });

  it("when another one is retired, and the retired one never comes back", () => {
    const retired = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 10 }), retired, fc.integer({ min: 1, max: 12 }), (count, gone, next) => {
        const api = (retiredOrdinals: readonly number[]) => planOf(2, { api: { count, retiredOrdinals } });
        const [before, after] = [api(gone), api([...new Set([...gone, next])])];
        const lost = before.machines.filter((machine) => !identities(after).has(identityOf(machine)));
        assert.deepEqual(
          lost.map((machine) => machine.name),
          namesOf(before).includes(`api-${next}`) && !gone.includes(next) ? [`api-${next}`] : [],
        );
        assert.ok(!namesOf(after).includes(`api-${next}`));
        assert.equal(after.machines.length, before.machines.length);
      }),
      { numRuns: 100 },
    );
  });

  it("when a stack goes from phase 2 to phase 3, as far as their tier stays", () => {
    const [before, after] = [planOf(2), planOf(3)];
    const same = (machine: Machine) =>
      after.machines.some((other) => other.name === machine.name && other.privateIp === machine.privateIp);
    assert.deepEqual(
      before.machines.filter(same).map((machine) => machine.name),
      ["lb-1", "db-1", "db-2", "redis-1"],
    );
  });

  it("and no two phases give one address to two machines: the new ones are made before the old ones go", () => {
    const owners = new Map<string, string>();
    for (const machine of ([1, 2, 3] as const).flatMap((phase) => planOf(phase).machines)) {
      assert.equal(owners.get(machine.privateIp) ?? machine.name, machine.name);
      owners.set(machine.privateIp, machine.name);
    }
  });

  it("so retiring the first of two gives the second and a third", () => {
    const plan = planOf(2, { database: { retiredOrdinals: [1] } });
    assert.deepEqual(
      plan.services.database.members.map((member) => member.machine),
      ["db-2", "db-3"],
    );
  });

  it("servers and agents of k3s retire apart", () => {
    const plan = planOf(3, { k3s: { retiredServers: [1], retiredAgents: [2] } });
    assert.deepEqual(
      namesOf(plan).filter((name) => name.startsWith("k3s")),
      ["k3s-server-2", "k3s-server-3", "k3s-server-4", "k3s-agent-1", "k3s-agent-3"],
    );
    assert.equal(plan.services.k3s?.firstServer, "k3s-server-2");
  });
});

function sumOfMinima<T extends Readonly<Record<string, number>>>(a: T, b: T): number {
  return Object.keys(a).reduce((sum, key) => sum + Math.min(a[key] ?? 0, b[key] ?? 0), 0);
}
