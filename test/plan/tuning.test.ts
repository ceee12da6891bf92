import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { memoryBudget, redisMaxmemoryMiB, tunePostgres } from "../../plan/tuning.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { machineOf, planOf } from "../support/platform.ts";

describe("PostgreSQL is tuned as pgtune does for web applications", () => {
  const table = [
    { memoryMiB: 8_192, vcpu: 2, shared: 2_048, cache: 6_144, maintenance: 512, parallel: 2, pages: "try" },
    { memoryMiB: 16_384, vcpu: 4, shared: 4_096, cache: 12_288, maintenance: 1_024, parallel: 2, pages: "try" },
    { memoryMiB: 32_768, vcpu: 8, shared: 8_192, cache: 24_576, maintenance: 2_048, parallel: 4, pages: "try" },
    { memoryMiB: 196_608, vcpu: 48, shared: 49_152, cache: 147_456, maintenance: 8_192, parallel: 4, pages: "try" },
    { memoryMiB: 1_966, vcpu: 3, shared: 491, cache: 1_474, maintenance: 122, parallel: 2, pages: "off" },
  ] as const;
  for (const { memoryMiB, vcpu, shared, cache, maintenance, parallel, pages } of table) {
    it(`with ${memoryMiB} MiB and ${vcpu} vCPU`, () => {
      const tuning = tunePostgres({ memoryMiB, vcpu });
      assert.equal(tuning.sharedBuffersMiB, shared);
      assert.equal(tuning.effectiveCacheSizeMiB, cache);
      assert.equal(tuning.maintenanceWorkMemMiB, maintenance);
      assert.equal(tuning.maxParallelWorkersPerGather, parallel);
      assert.equal(tuning.hugePages, pages);
    });
  }

  it("so that all connections sorting at once still fit beside the shared buffers", () => {
    const size = fc.constantFrom(...testCatalogue.serverTypes.filter((type) => type.memoryGiB >= 4));
    fc.assert(
      fc.property(size, ({ memoryGiB, vcpu }) => {
        const memoryMiB = memoryGiB * 1_024;
        const tuning = tunePostgres({ memoryMiB, vcpu });
        assert.ok(tuning.sharedBuffersMiB + tuning.workMemMiB * tuning.maxConnections <= memoryMiB);
        assert.ok(tuning.workMemMiB >= 1 && tuning.walBuffersMiB >= 1 && tuning.walBuffersMiB <= 16);
        assert.ok(tuning.minWalSizeMiB < tuning.maxWalSizeMiB);
      }),
    );
  });
});

describe("connections", () => {
  it("are pooled: clients up to the phase's limit, servers by the cores", () => {
    const pools = ([1, 2, 3] as const).map((phase) => planOf(phase).services.database);
    assert.deepEqual(
      pools.map(({ pgbouncer }) => [pgbouncer.maxClientConnections, pgbouncer.poolSize]),
      [
        [400, 12],
        [1_000, 32],
        [5_000, 32],
      ],
    );
    for (const { members, pgbouncer } of pools) {
      for (const { tuning } of members) assert.ok(tuning.maxConnections > 2 * pgbouncer.poolSize);
    }
  });
});

describe("phase 1's one machine", () => {
  it("is shared by fixed portions", () => {
    assert.deepEqual(planOf(1).services.memoryBudgetMiB, {
      system: 491,
      postgresql: 1_966,
      app: 1_024,
      redis: 409,
      nginx: 204,
    });
  });

  it("is never promised twice", () => {
    for (const { memoryGiB } of testCatalogue.serverTypes) {
      const sum = Object.values(memoryBudget(memoryGiB)).reduce((total, part) => total + part, 0);
      assert.ok(sum <= memoryGiB * 1_024);
    }
  });

  it("gives its services what the budget says", () => {
    const { services } = planOf(1, { server: { serverType: "cpx41" } });
    assert.equal(services.database.members[0]?.tuning.sharedBuffersMiB, Math.floor(7_864 / 4));
    assert.equal(services.redis.members[0]?.maxmemoryMiB, 1_146);
    assert.equal(services.app?.memoryMaxMiB, 4_096);
  });
});

it("Redis leaves three tenths for buffers and for rewriting its log", () => {
  assert.equal(redisMaxmemoryMiB(8_192), 5_734);
  const plan = planOf(3);
  assert.equal(machineOf(plan, "redis-1").memoryGiB, 16);
  assert.deepEqual(
    plan.services.redis.members.map((member) => member.maxmemoryMiB),
    [11_468, 11_468, 11_468],
  );
});
