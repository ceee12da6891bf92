import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { usageAt } from "../../cost/bill.ts";
import { costOutput } from "../../cost/estimate.ts";
import { costOutputSchema, type CostOutput } from "../../cost/schema/cost-output.ts";
import { publishedSchemas, schemaPath } from "../../cost/schema/publish.ts";
import type { Plan } from "../../plan/types.ts";
import { anyRaw } from "./arbitrary.ts";
import { book, committedPlan, planOf, rawPlatform } from "./support.ts";

/** Integers in 1/1,000,000, so that the sums below owe nothing to the decimal library under test. */
const millionths = (amount: string): bigint => {
  const [whole = "0", fraction = ""] = amount.replace("-", "").split(".");
  return BigInt(whole + fraction.padEnd(6, "0")) * (amount.startsWith("-") ? -1n : 1n);
};

const kinds = ["monthlyNet", "monthlyGross", "hourlyNet", "hourlyGross"] as const;
const currencies = ["eur", "usd"] as const;

const addsUp = (whole: CostOutput["total"], parts: readonly CostOutput["total"][]): void => {
  for (const kind of kinds) {
    for (const currency of currencies) {
      const sum = parts.reduce((total, part) => total + millionths(part[kind][currency]), 0n);
      assert.equal(millionths(whole[kind][currency]), sum, `${kind} ${currency}`);
    }
  }
};

const anyPlan: fc.Arbitrary<Plan> = anyRaw.map((raw) => planOf(raw));

test("lines add up to their part and to the total, exactly, in every amount and currency", () => {
  fc.assert(
    fc.property(anyPlan, fc.constantFrom(undefined, "1", "0.93", "1.23456"), (plan, usdPerEur) => {
      const cost = costOutput(plan, book, { usdPerEur });
      addsUp(cost.total, cost.lines);
      addsUp(cost.total, cost.components);
      for (const part of cost.components) {
        addsUp(
          part,
          cost.lines.filter((line) => line.component === part.component),
        );
      }
    }),
    { numRuns: 60 },
  );
});

test("gross is net plus VAT on every line, to 1/100 cent", () => {
  fc.assert(
    fc.property(anyPlan, (plan) => {
      for (const line of costOutput(plan, book).lines) {
        const net = Number(line.monthlyNet.eur);
        const gross = Number(line.monthlyGross.eur);
        assert.ok(Math.abs(gross - net * (1 + plan.billing.vatPercent / 100)) < 0.0001, line.id);
      }
    }),
    { numRuns: 40 },
  );
});

test("no line is negative, and what is billed by the hour reaches its month after 624 hours", () => {
  fc.assert(
    fc.property(anyPlan, (plan) => {
      for (const line of costOutput(plan, book).lines) {
        assert.ok(Number(line.monthlyNet.eur) >= 0, line.id);
        const hours = Number(line.monthlyNet.eur) / Number(line.hourlyNet.eur);
        if (line.price.capHours === 624 && line.component !== "network") {
          assert.ok(Math.abs(hours - 624) < 8, `${line.id}: ${hours}`);
        }
      }
    }),
    { numRuns: 40 },
  );
});

test("more users never cost less", () => {
  fc.assert(
    fc.property(anyPlan, fc.integer({ min: 1, max: 50 }), (plan, factor) => {
      const more = { ...plan, usage: usageAt(plan.usage, plan.usage.expectedUsers * factor) };
      const before = costOutput(plan, book).total.monthlyNet.eur;
      assert.ok(millionths(costOutput(more, book).total.monthlyNet.eur) >= millionths(before));
    }),
    { numRuns: 40 },
  );
});

test("every output fits the published schema, and the published file is the schema", () => {
  fc.assert(
    fc.property(anyPlan, (plan) => {
      const cost = costOutput(plan, book);
      assert.deepEqual(costOutputSchema.parse(JSON.parse(JSON.stringify(cost))), cost);
    }),
    { numRuns: 20 },
  );
  for (const [name, schema] of Object.entries(publishedSchemas())) {
    assert.deepEqual(JSON.parse(readFileSync(schemaPath(name), "utf8")), JSON.parse(JSON.stringify(schema)), name);
  }
});

test("a server ordered before June keeps April's rate and the report names both", () => {
  const plan = planOf(
    rawPlatform(2, {
      location: "fsn1",
      backups: { objectStorage: "hel1" },
      api: { serverType: "ccx23", orderedAt: "2026-05-02" },
    }),
  );
  const line = costOutput(plan, book).lines.find((candidate) => candidate.id === "server:api-1");
  assert.deepEqual(
    [line?.price.net, line?.price.locked, line?.price.newOrderNet, line?.monthlyNet.eur],
    ["31.49", true, "85.99", "31.4900"],
  );
  const notes = costOutput(plan, book).notes.filter((note) => note.startsWith("api-1"));
  assert.deepEqual(notes, [
    "api-1 keeps ccx23 at 31.49 EUR a month from its order; an order today pays 85.99, and so does a rescale",
  ]);
});

test("a stack whose price nobody knows fails with the price's name instead of a total", () => {
  const plan = committedPlan("phase1");
  const old = { ...plan, machines: plan.machines.map((machine) => ({ ...machine, orderedAt: "2026-05-01" })) };
  assert.throws(() => costOutput(old, book), /no price for server:cpx21 in ash on 2026-11-23, ordered on 2026-05-01/);
});

test("backups cost 20 % of the server's own price, without its address", () => {
  const cost = costOutput(
    planOf(rawPlatform(1, { location: "sin", server: { serverType: "cpx32", diskGiB: 160 } })),
    book,
  );
  const line = cost.lines.find((candidate) => candidate.id === "server-backups:server-1");
  assert.equal(line?.monthlyNet.eur, "9.7980"); // 48.99 * 20 %
  assert.equal(line?.hourlyNet.eur, "0.015700"); // 0.0785 * 20 %
});

test("beyond its allowances a stack pays for traffic by the location and for storage by the TB and hour", () => {
  const plan = planOf(rawPlatform(3, { location: "sin", users: { expected: 10_000_000 } }));
  const amount = (id: string) => costOutput(plan, book).lines.find((line) => line.id === id)?.monthlyNet.eur;
  const included = costOutput(plan, book).traffic.includedTB;
  // 300 * 10^12 bytes = 272.8484105 TB of 2^40; 7.40 a TB in Singapore
  const overage = 272.8484105 - Number(included);
  assert.ok(Math.abs(Number(amount("traffic:overage")) - overage * 7.4) < 0.001);
  // images alone are 5 TB
  const kept = (plan.usage.backupGB + plan.usage.imageGB) / 1_000;
  assert.ok(Math.abs(Number(amount("object-storage:storage")) - (kept - 1) * 0.0087 * 730) < 0.001);
});

test("cost per user is worked out at the expected users, at the plan's figure and at the ends of the phase", () => {
  const cost = costOutput(committedPlan("phase2"), book);
  assert.deepEqual(
    cost.perUser.map((point) => [point.users, point.basis, point.perUser.usd, point.meetsTarget]),
    [
      [50_000, "expected users", "0.012766", true],
      [10_000, "plan's figure", "0.063828", true],
      [100_000, "end of the phase", "0.006391", true],
    ],
  );
  // At 100,000 users 3 * 10^12 bytes = 2.7285 TB leave through one cpx21 with 2 TB: 0.7285 EUR more
  const end = cost.perUser.at(-1);
  assert.equal(end?.monthlyNet.eur, "574.0543");
});

test("a budget that does not suffice is said so", () => {
  const cost = costOutput(planOf(rawPlatform(2, { billing: { budgetUsd: 600 } })), book);
  assert.equal(cost.budget.over, true);
  assert.equal(cost.budget.usedPercent, "106.4"); // 638.28 / 600
});
