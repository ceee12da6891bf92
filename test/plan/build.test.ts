import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import fc from "fast-check";
import { parsePlatform } from "../../config/parse.ts";
import { locations } from "../../config/schema.ts";
import { readStackPlatform } from "../../config/stack-file.ts";
import { buildPlan } from "../../plan/build.ts";
import { PlanError } from "../../plan/errors.ts";
import type { Phase } from "../../plan/types.ts";
import { testCatalogue } from "../support/catalogue.ts";
import { messagesOf } from "../support/faults.ts";
import { planOf, platformOf, testKey } from "../support/platform.ts";

const golden = join(import.meta.dirname, "..", "golden", "plan");

const anyPhase = fc.constantFrom<Phase>(1, 2, 3);

describe("the plan of a committed stack", () => {
  for (const stack of ["phase1", "phase2", "phase3"]) {
    it(`${stack} is the reviewed one (UPDATE_GOLDEN=1 writes it)`, () => {
      const plan = buildPlan(parsePlatform(readStackPlatform(stack)), { stack, catalogue: testCatalogue });
      const text = `${JSON.stringify(plan, null, 2)}\n`;
      const path = join(golden, `${stack}.json`);
      if (process.env.UPDATE_GOLDEN === "1") writeFileSync(path, text);
      assert.equal(text, readFileSync(path, "utf8"));
    });
  }

  it("opens one door to the web and none to data", () => {
    const doors = ([1, 2, 3] as const).map((phase) => planOf(phase).primaryIps.map((address) => address.machine));
    assert.deepEqual(doors, [["server-1"], ["lb-1"], ["lb-1", "lb-2"]]);
  });
});

describe("a plan", () => {
  it("exists for every phase in every location", () => {
    for (const location of locations) {
      for (const phase of [1, 2, 3] as const) {
        const plan = planOf(phase, { location });
        assert.equal(plan.location, location);
        for (const machine of plan.machines) {
          const offer = testCatalogue.serverTypes.find((type) => type.name === machine.serverType);
          assert.ok(offer?.locations[location]?.orderable, `${machine.serverType} in ${location}`);
        }
      }
    }
  });

  it("is plain JSON", () => {
    for (const phase of [1, 2, 3] as const) {
      const plan = planOf(phase);
      assert.deepEqual(JSON.parse(JSON.stringify(plan)), plan);
    }
  });

  it("is frozen through and through, and freezes nothing of its caller's", () => {
    const config = platformOf(3);
    const plan = buildPlan(config, { stack: "phase3", catalogue: testCatalogue });
    const open: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) open.push(path);
      for (const [key, part] of Object.entries(value)) walk(part, `${path}.${key}`);
    };
    walk(plan, "plan");
    assert.deepEqual(open, []);
    assert.ok(!Object.isFrozen(config) && !Object.isFrozen(config.ssh.allowFrom) && !Object.isFrozen(testCatalogue));
  });

  it("is the same, byte for byte, whatever the order of keys", () => {
    const keys = fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(anyPhase, keys, (phase, names) => {
        const sshWith = (list: readonly string[]) => ({
          ssh: {
            publicKeys: Object.fromEntries(list.map((name) => [name, `${testKey.slice(0, -names.indexOf(name) - 1)}`])),
          },
        });
        const first = planOf(phase, { users: { expected: 9 }, ...sshWith(names) });
        const second = planOf(phase, { ...sshWith([...names].reverse()), users: { expected: 9 } });
        assert.equal(JSON.stringify(first), JSON.stringify(second));
      }),
      { numRuns: 40 },
    );
  });

  it("carries the stack into every name and label", () => {
    const plan = buildPlan(platformOf(2), { stack: "staging", catalogue: testCatalogue });
    const named = [
      ...plan.firewalls,
      ...plan.volumes,
      ...plan.primaryIps,
      ...plan.placementGroups,
      ...plan.sshKeys,
      plan.network,
    ];
    for (const part of named) {
      assert.equal(part.providerName, `chitlaq-staging-${part.name}`);
      assert.equal(part.labels.stack, "staging");
    }
    for (const machine of plan.machines) assert.equal(machine.hostname, `chitlaq-staging-${machine.name}`);
  });
});

describe("refused with every reason at once", () => {
  it("types, disk and edge together", () => {
    const overrides = {
      server: { serverType: "cpx21", diskGiB: 160 },
      edge: { hosts: Array.from({ length: 201 }, (_, index) => `h${index}`) },
    };
    assert.deepEqual(
      messagesOf(() => planOf(1, overrides)).map((message) => message.split(" given")[0]),
      ["server.serverType: cpx21 (80 GB disk)", "edge.hosts: 201 DNS records"],
    );
  });

  it("a stack whose name is no host name", () => {
    const build = (stack: string) => () => buildPlan(platformOf(1), { stack, catalogue: testCatalogue });
    for (const stack of ["", "Phase1", "a_b", "-a", "a".repeat(33), "org/chitlaq/dev"]) {
      assert.deepEqual(messagesOf(build(stack)), [
        `stack: ${JSON.stringify(stack)} given, the stack's name becomes part of host names and labels; name it with 1 to 32 lower-case letters, digits and inner hyphens`,
      ]);
    }
    assert.throws(build("A"), {
      name: "PlanError",
      message: /^1 fault in the plan of stack A:\n {2}- stack: "A" given, /,
    });
  });

  it("and otherwise built, for any config that parses", () => {
    const typeName = fc.constantFrom("auto", "auto", ...testCatalogue.serverTypes.map((type) => type.name), "zz99");
    const group = fc.record({ serverType: typeName });
    const overrides = fc.record({
      location: fc.constantFrom(...locations),
      server: fc.record({
        serverType: typeName,
        keepDisk: fc.boolean(),
        diskGiB: fc.integer({ min: 20, max: 400 }),
        volumeGiB: fc.integer({ min: 10, max: 400 }),
      }),
      api: fc.record({ serverType: typeName, count: fc.integer({ min: 2, max: 10 }) }),
      database: group,
      redis: group,
      loadBalancer: group,
      k3s: group,
    });
    const wanted = {
      1: ["server"],
      2: ["api", "database", "redis", "loadBalancer"],
      3: ["k3s", "database", "redis", "loadBalancer"],
    };
    fc.assert(
      fc.property(anyPhase, overrides, (phase, all) => {
        const own = Object.fromEntries(
          Object.entries(all).filter(([key]) => key === "location" || wanted[phase].includes(key)),
        );
        const config = platformOf(phase, own);
        try {
          buildPlan(config, { stack: "any", catalogue: testCatalogue });
        } catch (error) {
          assert.ok(error instanceof PlanError, String(error));
          assert.ok(error.faults.length > 0);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("notes", () => {
  const noteOf = (phase: Phase, pattern: RegExp, overrides: Readonly<Record<string, unknown>> = {}) =>
    planOf(phase, overrides).notes.find((note) => pattern.test(note));

  it("say where the capacity plan does not add up", () => {
    assert.equal(
      noteOf(1, /CPX21/),
      "The capacity plan's CPX21 with 8 GB and 160 GB does not exist: a cpx21 has 4 GB of memory and 80 GB of disk. A volume makes up the storage.",
    );
    assert.match(noteOf(2, /46 KB/) ?? "", /says 25 KB of database per user; its own items add up to 46 KB/);
    assert.match(
      noteOf(3, /budget/) ?? "",
      /0.05 to 0.1 USD per user at 100000 users, but its own budget of 2500 USD is 0.025/,
    );
  });

  it("warn of what a choice gives up", () => {
    assert.match(noteOf(2, /standby/, { database: { standby: false } }) ?? "", /does not fail over/);
    assert.equal(noteOf(2, /standby/), undefined);
    assert.match(noteOf(1, /allowFrom/) ?? "", /No address may reach SSH/);
    assert.match(noteOf(2, /out of stock/, { location: "fsn1" }) ?? "", /^cx/);
    assert.equal(noteOf(2, /out of stock/), undefined);
  });
});
