import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { Decimal } from "decimal.js";
import fc from "fast-check";
import { locations } from "../../config/schema.ts";
import type { Catalogue, Phase } from "../../plan/types.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { messagesOf } from "../support/faults.ts";
import { machineOf, planOf } from "../support/platform.ts";

/** Type of each role's first machine. */
function typesOf(phase: Phase, overrides: Readonly<Record<string, unknown>> = {}): Readonly<Record<string, string>> {
  const { machines } = planOf(phase, overrides);
  return Object.fromEntries(
    machines.filter((machine) => machine.ordinal === 1).map((machine) => [machine.name, machine.serverType]),
  );
}

describe("serverType auto", () => {
  it("meets the capacity plan's shapes in ash", () => {
    assert.deepEqual(typesOf(1), { "server-1": "cpx21" });
    assert.deepEqual(typesOf(2), { "lb-1": "cpx21", "api-1": "ccx23", "db-1": "ccx33", "redis-1": "ccx13" });
    assert.deepEqual(typesOf(3), {
      "lb-1": "cpx31",
      "k3s-server-1": "ccx33",
      "k3s-agent-1": "ccx33",
      "db-1": "ccx33",
      "redis-1": "ccx23",
    });
  });

  it("takes what is cheapest in Germany, and dedicated CPU for the database", () => {
    assert.deepEqual(typesOf(2, { location: "nbg1" }), {
      "lb-1": "cx23",
      "api-1": "cx43",
      "db-1": "ccx33",
      "redis-1": "cx33",
    });
  });

  it("starts phase 1 on the ladder of the location", () => {
    const first = locations.map((location) => [location, typesOf(1, { location })["server-1"]]);
    assert.deepEqual(Object.fromEntries(first), {
      fsn1: "cpx32",
      nbg1: "cpx32",
      hel1: "cpx32",
      ash: "cpx21",
      hil: "cpx21",
      sin: "cpx32",
    });
  });

  it("obeys cpu", () => {
    assert.equal(typesOf(2, { api: { cpu: "shared" } })["api-1"], "cpx41");
    assert.equal(typesOf(2, { location: "fsn1", database: { cpu: "any" } })["db-1"], "cx53");
    assert.equal(typesOf(1, { server: { cpu: "dedicated" } })["server-1"], "ccx23");
  });

  it("names the runners-up, cheapest first", () => {
    assert.deepEqual(machineOf(planOf(2), "redis-1").typeChoice, {
      how: "auto",
      serverType: "ccx13",
      alternatives: ["cpx31", "ccx23", "cpx41", "ccx33", "cpx51", "ccx43", "ccx53", "ccx63"],
    });
  });

  it("is the cheapest type that satisfies the profile, whatever the order of the catalogue", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...locations),
        fc.constantFrom<Phase>(2, 3),
        fc.shuffledSubarray([...testCatalogue.serverTypes], { minLength: testCatalogue.serverTypes.length }),
        (location, phase, serverTypes) => {
          for (const machine of planOf(phase, { location }, { ...testCatalogue, serverTypes }).machines) {
            const price = (name: string) =>
              new Decimal(
                serverTypes.find((type) => type.name === name)?.locations[location]?.monthlyNet ?? Number.NaN,
              );
            const better = serverTypes.filter(
              (type) =>
                type.architecture === "x86" &&
                type.locations[location]?.orderable === true &&
                type.vcpu >= machine.profile.vcpu &&
                type.memoryGiB >= machine.profile.memoryGiB &&
                (machine.role !== "database" || type.cpu === "dedicated") &&
                price(type.name).lessThan(price(machine.serverType)),
            );
            assert.deepEqual(
              better.map((type) => type.name),
              [],
              machine.name,
            );
          }
        },
      ),
      { numRuns: 30 },
    );
  });
});

describe("an explicit type", () => {
  it("is taken when it satisfies the profile", () => {
    const machine = machineOf(planOf(2, { api: { serverType: "cpx51" } }), "api-1");
    assert.deepEqual([machine.typeChoice.how, machine.vcpu, machine.memoryGiB], ["explicit", 16, 32]);
    assert.equal(machine.typeChoice.alternatives[0], "ccx23");
  });

  it("may be one that can no longer be ordered, for servers that exist", () => {
    const server = { serverType: "cpx21", adopt: true, orderedAt: "2025-11-01" };
    const machine = machineOf(planOf(1, { location: "fsn1", server }), "server-1");
    assert.deepEqual(
      [machine.serverType, machine.typeChoice.how, machine.orderedAt, machine.diskGiB],
      ["cpx21", "adopted", "2025-11-01", 80],
    );
  });

  const refused: readonly (readonly [string, Phase, Readonly<Record<string, unknown>>, string])[] = [
    [
      "falls short",
      2,
      { database: { serverType: "ccx13" } },
      "database.serverType: ccx13 (2 vCPU, 8 GB, 80 GB disk) given, a database machine of phase 2 needs 8 vCPU, 32 GB and 80 GB of disk and volume (100 GB); set platform.database.serverType to ccx33, cpx51, ccx43 or ccx53",
    ],
    [
      "is retired in the location",
      1,
      { location: "fsn1", server: { serverType: "cpx21" } },
      "server.serverType: cpx21 given, it can no longer be ordered in fsn1; set platform.server.serverType to cx33, cx43, cx53 or cpx32, or keep servers you already have with platform.server.adopt and platform.server.orderedAt",
    ],
    [
      "was never sold in the location",
      2,
      { redis: { serverType: "cx33" } },
      "redis.serverType: cx33 given, it was never sold in ash; set platform.redis.serverType to ccx13, cpx31, ccx23 or cpx41",
    ],
    [
      "does not exist",
      3,
      { loadBalancer: { serverType: "cpx99" } },
      "loadBalancer.serverType: cpx99 given, the price list of 2026-09-29 knows no such type; set platform.loadBalancer.serverType to cpx31, ccx23, cpx41 or ccx33",
    ],
    [
      "is Arm",
      2,
      { location: "fsn1", api: { serverType: "cax31" } },
      "api.serverType: cax31 given, its CPU is Arm and the machine files pin x86-64 programs; set platform.api.serverType to cx43, cx53, cpx42 or ccx23",
    ],
    [
      "is adopted and falls short",
      2,
      { location: "fsn1", api: { serverType: "cpx31", adopt: true, orderedAt: "2025-11-01" } },
      "api.serverType: cpx31 (4 vCPU, 8 GB, 160 GB disk) given, an api machine of phase 2 needs 4 vCPU, 16 GB and 40 GB of disk; set platform.api.serverType to cx43, cx53, cpx42 or ccx23",
    ],
  ];
  for (const [what, phase, overrides, message] of refused) {
    it(`is refused when it ${what}`, () =>
      assert.deepEqual(
        messagesOf(() => planOf(phase, overrides)),
        [message],
      ));
  }

  it("is judged once for k3s servers and agents, which share it", () => {
    assert.equal(messagesOf(() => planOf(3, { k3s: { serverType: "ccx13" } })).length, 2);
  });
});

describe("a location without a fitting type", () => {
  const only = (...names: readonly string[]): Catalogue => ({
    ...testCatalogue,
    serverTypes: testCatalogue.serverTypes.filter((type) => names.includes(type.name)),
  });

  it("is named with the way out", () => {
    assert.deepEqual(
      messagesOf(() => planOf(1, {}, only("cpx11"))),
      [
        "server.serverType: auto given, no x86 type that can be ordered in ash has 3 vCPU, 4 GB and 160 GB of disk and volume (80 GB); choose another platform.location",
      ],
    );
  });

  it("names the kind of CPU that would do", () => {
    assert.deepEqual(
      messagesOf(() => planOf(2, {}, only("cpx51", "cpx21"))),
      [
        "database.serverType: auto given, no dedicated x86 type that can be ordered in ash has 8 vCPU, 32 GB and 80 GB of disk and volume (100 GB); set platform.database.cpu to any or platform.database.serverType to cpx51",
      ],
    );
  });
});
