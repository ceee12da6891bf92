import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Alternative, alternatives } from "../../cost/alternatives.ts";
import { serverTypeCatalogue } from "../../cost/catalogue.ts";
import { anyRaw } from "./arbitrary.ts";
import { book, committedPlan, planOf, rawPlatform, run } from "./support.ts";

const of = (rows: readonly Alternative[], machine: string, location: string, cpu: string): Alternative | undefined =>
  rows.find((row) => row.machines.includes(machine) && row.locations.includes(location) && row.cpu === cpu);

test("shared instead of dedicated, with the saving for all machines of the group and what is given up", () => {
  const rows = alternatives(committedPlan("phase2"), book);
  const api = of(rows, "api-1", "ash", "shared");
  // 2 * (87.49 - 120.49): shared CPU costs more in the US
  assert.deepEqual(
    [api?.machines, api?.serverType, api?.saving, api?.givenUp],
    [["api-1", "api-2"], "cpx41", "-66.00", ["dedicated CPU: neighbours' load is felt"]],
  );
});

test("another location is given up for in traffic, disk, certainty and a move", () => {
  const lb = of(alternatives(committedPlan("phase3"), book), "lb-1", "hel1", "shared");
  // 2 * (62.49 - 8.49)
  assert.deepEqual([lb?.serverType, lb?.saving, lb?.locations], ["cx33", "108.00", ["fsn1", "nbg1", "hel1"]]);
  assert.deepEqual(lb?.givenUp, [
    "disk 160 → 80 GB, so only with a new server",
    "the location: the whole stack moves from ash",
    "certainty: out of stock when last looked at (2026-09-29)",
  ]);
});

test("an old price that would be lost is the first thing given up, and is what a saving is measured against", () => {
  const plan = planOf(
    rawPlatform(2, {
      location: "fsn1",
      backups: { objectStorage: "hel1" },
      database: { serverType: "ccx33", orderedAt: "2026-05-01" },
    }),
  );
  const same = of(alternatives(plan, book), "db-1", "nbg1", "dedicated");
  // ccx33: 2 * (62.49 - 138.49)
  assert.deepEqual([same?.serverType, same?.saving], ["ccx33", "-152.00"]);
  assert.equal(same?.givenUp[0], "the price of 62.49 kept since 2026-05-01");
});

test("an alternative can be ordered where it is offered, satisfies the profile and is not what one has", () => {
  const offers = new Map(serverTypeCatalogue(book).serverTypes.map((type) => [type.name, type]));
  fc.assert(
    fc.property(anyRaw, (raw) => {
      const plan = planOf(raw);
      for (const row of alternatives(plan, book)) {
        const offer = offers.get(row.serverType);
        const machine = plan.machines.find((candidate) => candidate.name === row.machines[0]);
        assert.ok(offer !== undefined && machine !== undefined);
        assert.ok(offer.vcpu >= machine.profile.vcpu && offer.memoryGiB >= machine.profile.memoryGiB);
        assert.equal(offer.cpu, row.cpu);
        for (const location of row.locations) {
          assert.equal(offer.locations[location]?.orderable, true);
          assert.equal(offer.locations[location]?.monthlyNet, row.net);
          assert.ok(row.serverType !== machine.serverType || location !== plan.location);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("the command shows the stack's own location unless all are asked for, and changes nothing", async () => {
  const own = await run(["cost", "alternatives", "phase3"]);
  assert.match(own.out, /^phase3: the cheapest types in ash .* Nothing is changed\.$/m);
  assert.doesNotMatch(own.out, /hel1/);
  const everywhere = await run(["cost", "alternatives", "phase3", "--everywhere"]);
  assert.match(everywhere.out, /cx33 in fsn1, nbg1, hel1/);
  const json = JSON.parse((await run(["cost", "alternatives", "phase3", "--json"])).out) as { alternatives: unknown[] };
  assert.ok(json.alternatives.length > 0);
});
