import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  bandwidthTable,
  baseline,
  baselineLimits,
  budgets,
  databaseBytesPerUser,
  growthScenarios,
  imageBytesPerUser,
  limits,
  profiles,
  storageTable,
  trafficPerUser,
  triggers,
} from "../../plan/capacity.ts";
import { planOf } from "../support/platform.ts";

describe("the capacity plan as data", () => {
  it("has per-user figures that reproduce its own tables", () => {
    for (const { users, databaseGB, imageGB } of storageTable) {
      assert.equal((users * databaseBytesPerUser.stated) / 1e9, databaseGB);
      assert.equal((users * imageBytesPerUser) / 1e9, imageGB);
    }
    for (const { users, apiCallsPerDay, imageGBPerDay, monthlyGB } of bandwidthTable) {
      assert.equal(users * trafficPerUser.apiCallsPerDay, apiCallsPerDay);
      assert.equal((users * trafficPerUser.imageBytesPerDay) / 1e9, imageGBPerDay);
      assert.equal((users * trafficPerUser.monthlyBytes) / 1e9, monthlyGB);
    }
  });

  it("adds up its own items to 46 KB, not to the 25 KB it states", () => {
    const sum = Object.values(databaseBytesPerUser.items).reduce((total, item) => total + item.bytes * item.perUser, 0);
    assert.equal(sum, databaseBytesPerUser.itemised);
    assert.equal(sum, 46_000);
    assert.equal(databaseBytesPerUser.stated, 25_000);
  });

  it("states more for the CPX21 than Hetzner sells", () => {
    assert.deepEqual([baseline.stated.memoryGiB, baseline.asSold.memoryGiB], [8, 4]);
    assert.deepEqual([baseline.stated.storageGiB, baseline.asSold.storageGiB], [160, 80]);
  });

  it("grows from phase to phase and from month to month", () => {
    const phases = [baselineLimits, limits[1], limits[2], limits[3]];
    const rising = (values: readonly number[]) =>
      values.every((value, index) => index === 0 || value > (values[index - 1] ?? 0));
    assert.ok(rising(phases.map((limit) => limit.requestsPerSecond)));
    assert.ok(rising(phases.map((limit) => limit.databaseConnections)));
    assert.ok(rising(phases.map((limit) => limit.webSocketConnections)));
    assert.ok(rising(([1, 2, 3] as const).map((phase) => budgets[phase].planUsd.to ?? 0)));
    for (const scenario of Object.values(growthScenarios)) {
      assert.equal(scenario.length, 6);
      assert.ok(rising(scenario));
    }
  });

  it("asks phase 2 and 3 for the plan's machines", () => {
    assert.deepEqual(profiles[2].database, { vcpu: 8, memoryGiB: 32, storageGiB: 80 });
    assert.deepEqual(profiles[3].redis, { vcpu: 4, memoryGiB: 16, storageGiB: 40 });
    assert.deepEqual(profiles[3]["load-balancer"], { vcpu: 4, memoryGiB: 8, storageGiB: 40 });
  });

  it("has the plan's thresholds", () => {
    const of = (metric: string) => triggers.find((trigger) => trigger.metric === metric);
    assert.deepEqual(of("cpu-usage"), { metric: "cpu-usage", threshold: 80, unit: "percent", forMinutes: 10 });
    assert.equal(of("api-response-time-p95")?.threshold, 200);
    assert.equal(new Set(triggers.map((trigger) => trigger.metric)).size, triggers.length);
  });
});

describe("what a plan says about capacity", () => {
  it("is the baseline's until phase 1 is upgraded", () => {
    const before = planOf(1);
    assert.deepEqual([before.currentLimits.requestsPerSecond, before.budget.usd], [1_000, 100]);
    const after = planOf(1, { server: { serverType: "cpx41" } });
    assert.deepEqual([after.currentLimits.requestsPerSecond, after.budget.usd], [2_000, 200]);
    assert.deepEqual(before.limits, after.limits);
    assert.deepEqual(
      ([2, 3] as const).map((phase) => planOf(phase).budget.usd),
      [800, 2_500],
    );
    assert.equal(planOf(2, { billing: { budgetUsd: 650 } }).budget.usd, 650);
  });

  it("follows the expected users, with the itemised database", () => {
    assert.deepEqual(planOf(2).usage, {
      expectedUsers: 50_000,
      originEgressGB: 1_500,
      databaseGB: 2.3,
      imageGB: 25,
      backupGB: 13.282,
    });
    assert.deepEqual(
      ([1, 3] as const).map((phase) => planOf(phase).usage.expectedUsers),
      [5_000, 500_000],
    );
  });

  it("counts at the origin what the edge does not answer", () => {
    const egress = (cacheHitPercent: number) =>
      planOf(2, { users: { expected: 100_000 }, edge: { cacheHitPercent } }).usage.originEgressGB;
    assert.deepEqual([egress(0), egress(75), egress(100)], [3_000, 750, 0]);
  });

  it("has the plan's objectives", () => {
    assert.deepEqual(planOf(3).slo, { availabilityPercent: 99.9, p95Ms: 150, rtoHours: 4, rpoHours: 1 });
  });
});
