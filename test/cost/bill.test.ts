import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { billableResources, buildBill, freeResourceTypes, trafficUse, usageAt } from "../../cost/bill.ts";
import type { Plan } from "../../plan/types.ts";
import { book, committedPlan, planOf, rawPlatform } from "./support.ts";

const server = "hcloud:index/server:Server";
const primaryIp = "hcloud:index/primaryIp:PrimaryIp";
const volume = "hcloud:index/volume:Volume";

const withUsers = (plan: Plan, users: number): Plan => ({ ...plan, usage: usageAt(plan.usage, users) });

test("the resources of phase 2 that cost money are its servers, addresses and volumes, each once", () => {
  assert.deepEqual(
    billableResources(committedPlan("phase2")).map(({ type, name }) => `${type} ${name}`),
    [
      `${primaryIp} lb-1-ipv4`,
      `${server} lb-1-server`,
      `${server} api-1-server`,
      `${server} api-2-server`,
      `${server} db-1-server`,
      `${server} db-2-server`,
      `${server} redis-1-server`,
      `${volume} db-1-data`,
      `${volume} db-2-data`,
    ],
  );
});

test("backups of a server are a line of their own on the same resource", () => {
  const plan = committedPlan("phase1");
  const lines = buildBill(plan, book).lines.filter(
    (line) => line.machine === "server-1" && line.resource?.type === server,
  );
  assert.deepEqual(
    lines.map((line) => [line.id, line.unit, line.percentOf?.item ?? null]),
    [
      ["server:server-1", "month", null],
      ["server-backups:server-1", "percent", "server:cpx21"],
    ],
  );
  assert.equal(billableResources(plan).filter((resource) => resource.type === server).length, 1);
});

test("a type is never both free and billed", () => {
  const billed = new Set(
    [1, 2, 3].flatMap((phase) => billableResources(committedPlan(`phase${phase}`))).map(({ type }) => type),
  );
  assert.deepEqual(
    freeResourceTypes.filter((type) => billed.has(type)),
    [],
  );
});

test("external lines are what no engine resource stands for: Cloudflare's plan, Object Storage, traffic", () => {
  const external = buildBill(withUsers(committedPlan("phase3"), 5_000_000), book).lines.filter((line) => line.external);
  assert.deepEqual(
    external.map((line) => [line.id, line.resource]),
    [
      ["cloudflare-plan:chitlaq.com", null],
      ["object-storage:base", null],
      ["object-storage:storage", null],
      ["traffic:overage", null],
    ],
  );
});

test("only machines the DNS records name carry user traffic, and only their allowance counts", () => {
  const use = trafficUse(committedPlan("phase3"), book);
  assert.deepEqual(use.doors, ["lb-1", "lb-2"]);
  // 15 * 10^12 / 2^40 = 13.642421; a cpx31 in ash includes 3 TB
  assert.equal(use.expectedTB.slice(0, 9), "13.642420");
  assert.equal(use.includedTB, "6");
  assert.equal(use.overageTB.slice(0, 8), "7.642420");
});

test("traffic is shared by the doors: one with a smaller allowance runs over while the other has room", () => {
  const plan = committedPlan("phase3");
  const uneven = {
    ...plan,
    machines: plan.machines.map((machine) => (machine.name === "lb-2" ? { ...machine, serverType: "cpx11" } : machine)),
    usage: { ...plan.usage, originEgressGB: 2 ** 42 / 1e9 },
  };
  // 4 TB in halves: lb-1 sends 2 of its 3 TB, lb-2 2 of its 1 TB
  assert.equal(trafficUse(uneven, book).overageTB, "1");
});

test("within its allowances a stack has no line for traffic and storage", () => {
  const ids = buildBill(committedPlan("phase1"), book).lines.map((line) => line.id);
  assert.deepEqual(
    ids.filter((id) => id.startsWith("traffic") || id === "object-storage:storage"),
    [],
  );
});

test("a volume of a machine that is not in the plan is a fault of the plan, said by name", () => {
  const plan = committedPlan("phase1");
  const broken = { ...plan, volumes: plan.volumes.map((entry) => ({ ...entry, machine: "db-9" })) };
  assert.throws(() => buildBill(broken, book), /server-1-data: belongs to db-9, which is not in the plan/);
});

test("the order of keys in a config changes no line", () => {
  fc.assert(
    fc.property(fc.constantFrom(1, 2, 3), fc.infiniteStream(fc.nat()), (phase, stream) => {
      const raw = rawPlatform(phase, {
        location: "fsn1",
        backups: { objectStorage: "hel1", bucket: "other" },
        billing: { vatPercent: 19 },
      });
      const shuffle = (value: unknown): unknown => {
        if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
        const entries = Object.entries(value).map(
          ([key, inner]) => [stream.next().value ?? 0, key, shuffle(inner)] as const,
        );
        return Object.fromEntries(entries.toSorted((a, b) => a[0] - b[0]).map(([, key, inner]) => [key, inner]));
      };
      assert.deepEqual(buildBill(planOf(shuffle(raw)), book), buildBill(planOf(raw), book));
    }),
    { numRuns: 30 },
  );
});
