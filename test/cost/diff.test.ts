import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { gateOf } from "../../cost/diff/gate.ts";
import { diffStack } from "../../cost/diff/stack.ts";
import { type Amounts, Dec } from "../../cost/money.ts";
import type { StackDiff } from "../../cost/schema/cost-diff.ts";
import type { StackSnapshot } from "../../cost/snapshot/types.ts";
import { anyRaw, noPolicy, stackOf } from "./arbitrary.ts";
import { type Raw, rawPlatform } from "./support.ts";

const negative = (amounts: Amounts): Amounts => {
  const flip = ({ eur, usd }: Amounts["monthlyNet"]) => ({ eur: minus(eur), usd: minus(usd) });
  return {
    monthlyNet: flip(amounts.monthlyNet),
    monthlyGross: flip(amounts.monthlyGross),
    hourlyNet: flip(amounts.hourlyNet),
    hourlyGross: flip(amounts.hourlyGross),
  };
};

const minus = (amount: string): string =>
  /^-?[0.]+$/.test(amount) ? amount.replace("-", "") : amount.startsWith("-") ? amount.slice(1) : `-${amount}`;

const diff = (before: Raw, after: Raw): StackDiff => diffStack(stackOf(before), stackOf(after));

const phase2 = (overrides: Raw = {}): Raw =>
  rawPlatform(2, { location: "fsn1", backups: { objectStorage: "hel1" }, ...overrides });

const kinds = (result: StackDiff): readonly string[] => result.lines.map((line) => `${line.kind} ${line.id}`);

const messages = (result: StackDiff, kind: string): readonly string[] =>
  result.warnings.filter((warning) => warning.kind === kind).map((warning) => warning.message);

test("a stack against itself: nothing changed, nothing to warn of, nothing to pay", () => {
  fc.assert(
    fc.property(anyRaw, (raw) => {
      const result = diff(raw, raw);
      assert.deepEqual(
        [result.state, result.lines, result.warnings, result.delta.monthlyNet.eur, result.oneTime.eur],
        ["unchanged", [], [], "0.0000", "0.0000"],
      );
    }),
    { numRuns: 30 },
  );
});

test("there and back again: the difference one way is the opposite of the other, line by line", () => {
  fc.assert(
    fc.property(anyRaw, anyRaw, (a, b) => {
      const there = diff(a, b);
      const back = diff(b, a);
      assert.deepEqual(there.delta, negative(back.delta));
      const opposite = { added: "removed", removed: "added", resized: "resized", replaced: "replaced" } as const;
      assert.deepEqual(
        there.lines.map((line) => [line.id, line.kind, line.delta]).sort(),
        back.lines
          .map((line) => [line.id, opposite[line.kind as keyof typeof opposite] ?? line.kind, negative(line.delta)])
          .sort(),
      );
    }),
    { numRuns: 40 },
  );
});

test("the lines of a difference add up to it, and it is what lies between the two totals", () => {
  fc.assert(
    fc.property(anyRaw, anyRaw, (a, b) => {
      const result = diff(a, b);
      for (const kind of ["monthlyNet", "monthlyGross", "hourlyNet", "hourlyGross"] as const) {
        const lines = result.lines.reduce((sum, line) => sum.plus(line.delta[kind].eur), new Dec(0));
        const between = new Dec(result.after?.total[kind].eur ?? 0).minus(result.before?.total[kind].eur ?? 0);
        assert.ok(lines.eq(result.delta[kind].eur) && between.eq(lines), kind);
      }
    }),
    { numRuns: 40 },
  );
});

test("a bigger type in place is a resize, with the arithmetic of the price list", () => {
  const result = diff(phase2({ api: { serverType: "ccx23" } }), phase2({ api: { serverType: "ccx33" } }));
  assert.deepEqual(kinds(result), ["resized server:api-1", "resized server:api-2"]);
  // 2 * (138.49 - 85.99)
  assert.equal(result.delta.monthlyNet.eur, "105.0000");
  // 2 * (0.2219 - 0.1378)
  assert.equal(result.delta.hourlyNet.eur, "0.168200");
  assert.equal(result.oneTime.eur, "0.0000");
});

test("one machine more is added, one less removed; the others keep their names", () => {
  const three = diff(phase2(), phase2({ api: { count: 3 } }));
  assert.deepEqual(kinds(three), ["added server:api-3"]);
  const retired = diff(phase2(), phase2({ api: { count: 2, retiredOrdinals: [1] } }));
  assert.deepEqual(kinds(retired), ["added server:api-3", "removed server:api-1"]);
});

test("another location replaces everything that stands in it, and old and new run side by side for a day", () => {
  const result = diff(rawPlatform(1), rawPlatform(1, { location: "hil" }));
  assert.deepEqual(kinds(result), [
    "replaced primary-ip:server-1-ipv4",
    "replaced server:server-1",
    "replaced volume:server-1-data",
    "replaced server-backups:server-1",
  ]);
  assert.equal(result.delta.monthlyNet.eur, "0.0000");
  // 24 * (0.0008 + 0.0513 + 4.576 / 730 + 0.01026) = 24 * 0.068628
  assert.equal(result.oneTime.eur, "1.6470");
  assert.deepEqual(
    messages(result, "data-replaced").map((message) => message.split(" is ")[0]),
    ["the data-bearing machine server-1", "the volume server-1-data"],
  );
});

test("another phase is a migration: the old platform runs beside the new one for a day", () => {
  const before = rawPlatform(1);
  const result = diff(before, rawPlatform(2));
  assert.deepEqual([result.before?.phase, result.after?.phase], [1, 2]);
  assert.ok(result.lines.some((line) => line.kind === "removed" && line.id === "server:server-1"));
  assert.equal(result.oneTime.eur, "1.6470");
  // Cloudflare's plan is not a machine: it goes from Free to Pro without an overlap
  const edge = result.lines.find((line) => line.component === "edge");
  assert.deepEqual([edge?.kind, edge?.oneTime.eur], ["resized", "0.0000"]);
});

test("a changed VAT moves gross amounts and nothing else", () => {
  const result = diff(phase2(), phase2({ billing: { vatPercent: 19 } }));
  assert.equal(result.delta.monthlyNet.eur, "0.0000");
  assert.ok(Number(result.delta.monthlyGross.eur) > 0);
  assert.ok(result.lines.every((line) => line.kind === "converted"));
});

test("leaving a price kept from before June 2026 shows what was kept, the new rate and today's rate of the old type", () => {
  const old = { serverType: "ccx23", orderedAt: "2026-05-02" };
  const rescaled = diff(phase2({ api: old }), phase2({ api: { serverType: "ccx33", orderedAt: "2026-11-20" } }));
  assert.deepEqual(messages(rescaled, "leaves-locked-rate"), [
    "api-1 leaves 31.49 EUR a month, the price of ccx23 kept since its order on 2026-05-02; ccx33 costs 138.49 at today's rate, and ccx23 itself: today it costs 85.99",
    "api-2 leaves 31.49 EUR a month, the price of ccx23 kept since its order on 2026-05-02; ccx33 costs 138.49 at today's rate, and ccx23 itself: today it costs 85.99",
  ]);
  const removed = diff(phase2({ api: { ...old, count: 3 } }), phase2({ api: { ...old, count: 2 } }));
  assert.deepEqual(messages(removed, "leaves-locked-rate"), [
    "api-3 leaves 31.49 EUR a month, the price of ccx23 kept since its order on 2026-05-02; today it costs 85.99",
  ]);
});

test("a rescale that forgets orderedAt is priced at today's rate all the same, down as well as up", () => {
  const ordered = (serverType: string) => phase2({ api: { serverType, orderedAt: "2026-05-02" } });
  const up = diff(ordered("ccx23"), ordered("ccx33"));
  // 2 * (138.49 - 31.49), not 2 * (62.49 - 31.49)
  assert.equal(up.delta.monthlyNet.eur, "214.0000");
  assert.equal(up.after?.total.monthlyNet.eur, new Dec(up.before?.total.monthlyNet.eur ?? 0).plus(214).toFixed(4));
  assert.deepEqual(messages(up, "ordered-at-outdated").slice(0, 1), [
    "api-1 is rescaled, which moves it to today's rate of 138.49 EUR a month; orderedAt 2026-05-02 still claims 62.49. Counted here: 138.49. Set orderedAt to the day of the rescale",
  ]);
  const down = diff(ordered("ccx33"), ordered("ccx23"));
  // 2 * (85.99 - 62.49): a smaller machine that costs more
  assert.equal(down.delta.monthlyNet.eur, "47.0000");
});

test("backups follow the rescaled server's price", () => {
  const ordered = (serverType: string) =>
    phase2({ database: { serverType, orderedAt: "2026-05-02" }, backups: { objectStorage: "hel1", provider: true } });
  const result = diff(ordered("ccx33"), ordered("ccx43"));
  // 1.2 * 2 * (275.99 - 62.49)
  assert.equal(result.delta.monthlyNet.eur, "512.4000");
  assert.deepEqual(new Set(result.lines.map((line) => line.kind)), new Set(["resized"]));
});

test("what cannot be ordered, or could not when somebody last looked, is said of machines that must be ordered", () => {
  const stocked = diff(phase2({ api: { serverType: "ccx23" } }), phase2({ api: { serverType: "cx43" } }));
  assert.deepEqual(messages(stocked, "out-of-stock"), [
    "api-1: cx43 was out of stock in fsn1 when last looked at (2026-09-29)",
    "api-2: cx43 was out of stock in fsn1 when last looked at (2026-09-29)",
  ]);
  const adopted = phase2({ api: { serverType: "cpx51", adopt: true, orderedAt: "2025-06-01", count: 2 } });
  const more = phase2({ api: { serverType: "cpx51", adopt: true, orderedAt: "2025-06-01", count: 3 } });
  assert.deepEqual(messages(diff(adopted, more), "retired-type"), ["api-3: cpx51 can no longer be ordered in fsn1"]);
});

test("disks and volumes that would have to shrink are named", () => {
  const volume = diff(phase2({ database: { volumeGiB: 300 } }), phase2({ database: { volumeGiB: 200 } }));
  assert.deepEqual(messages(volume, "disk-shrinks"), [
    "the volume db-1-data goes from 300 to 200 GB: a volume never shrinks, it would have to be replaced",
    "the volume db-2-data goes from 300 to 200 GB: a volume never shrinks, it would have to be replaced",
  ]);
  const disk = diff(phase2({ api: { serverType: "ccx33" } }), phase2({ api: { serverType: "ccx23" } }));
  assert.deepEqual(
    messages(disk, "disk-shrinks")[0]?.startsWith("api-1 has a disk of 240 GB and ccx23 only 160"),
    true,
  );
  const kept = diff(phase2({ database: { serverType: "ccx43" } }), phase2({ database: { serverType: "ccx33" } }));
  assert.equal(
    messages(kept, "disk-shrinks")[0],
    "db-1 keeps the disk it was made with: when that has more than 240 GB, Hetzner refuses ccx33",
  );
});

test("crossing the budget is a warning, being over it already is not", () => {
  const cheap = phase2({ billing: { budgetUsd: 700 } });
  const dear = phase2({ billing: { budgetUsd: 700 }, api: { count: 6, serverType: "ccx23" } });
  const dearer = phase2({ billing: { budgetUsd: 700 }, api: { count: 7, serverType: "ccx23" } });
  assert.deepEqual(messages(diff(cheap, dear), "budget-crossed"), ["test crosses its budget of 700 USD a month"]);
  assert.deepEqual(messages(diff(dear, dearer), "budget-crossed"), []);
});

test("headroom is given for every limit, and the one that is reached first is named", () => {
  const result = diff(phase2({ users: { expected: 50_000 } }), phase2({ users: { expected: 90_000 } }));
  const users = result.headroom.find((entry) => entry.limit === "users");
  assert.deepEqual(
    [users?.before?.usedPercent, users?.after?.usedPercent],
    [
      { from: 50, to: 50 },
      { from: 90, to: 90 },
    ],
  );
  assert.equal(result.after?.bottleneck, "users");
  // 90,000 users * 100 calls a day / 86,400 s * 6 at the peak = 625 of 10,000
  const requests = result.headroom.find((entry) => entry.limit === "requestsPerSecond")?.after;
  assert.deepEqual(requests?.load.to, 625);
  assert.equal(requests?.limit, 10_000);
});

test("a stack on one side only is added or removed whole, and a faulty one takes part in no sum", () => {
  const stack = stackOf(phase2());
  const added = diffStack(null, stack);
  assert.deepEqual([added.state, added.before, added.delta], ["added", null, stack.cost.total]);
  const removed = diffStack(stack, null);
  assert.deepEqual([removed.state, removed.after, removed.delta], ["removed", null, negative(stack.cost.total)]);
  const faulty: StackSnapshot = { kind: "faulty", stack: "test", message: "2 faults in chitlaq:platform" };
  const broken = diffStack(stack, faulty);
  assert.deepEqual(
    [broken.state, broken.faults, broken.delta.monthlyNet.eur],
    ["faulty", [{ side: "head", message: "2 faults in chitlaq:platform" }], "0.0000"],
  );
});

test("gates: budget, amounts and percentages, from the command or from the stack's own policy", () => {
  const grown = diff(
    phase2({ billing: { budgetUsd: 400 } }),
    phase2({ billing: { budgetUsd: 400 }, api: { count: 3, serverType: "ccx23" } }),
  );
  const increase = Number(grown.delta.monthlyNet.eur);
  const percent = (increase / Number(grown.before?.total.monthlyNet.eur)) * 100;
  const rules = (failOverBudget: boolean, maxIncrease: string | null, policy = noPolicy) =>
    gateOf([grown], new Map([["test", policy]]), { failOverBudget, maxIncrease }).failures.map(
      (failure) => failure.rule,
    );
  assert.deepEqual(rules(false, null), []);
  assert.deepEqual(rules(true, null), grown.after?.budget.over === true ? ["over-budget"] : []);
  assert.equal(grown.after?.budget.over, true);
  assert.deepEqual(rules(false, `${Math.floor(increase)}eur`), ["max-increase"]);
  assert.deepEqual(rules(false, `${Math.ceil(increase)}eur`), []);
  assert.deepEqual(rules(false, `${Math.floor(percent)}%`), ["max-increase"]);
  assert.deepEqual(rules(false, `${Math.ceil(percent)}%`), []);
  assert.deepEqual(rules(false, null, { failOverBudget: true, maxIncrease: "1usd" }), ["over-budget", "max-increase"]);
});

test("a policy that is loosened in the same change is pointed out", () => {
  const before = stackOf(phase2(), { failOverBudget: true, maxIncrease: "10eur" });
  const after = stackOf(phase2({ billing: { budgetUsd: 900 } }), { failOverBudget: false, maxIncrease: null });
  assert.deepEqual(messages(diffStack(before, after), "policy-loosened"), [
    "billing: failOverBudget is switched off",
    "billing: maxIncrease goes from 10eur to no limit",
    "billing: the budget goes from 800 to 900 USD",
  ]);
});

test("tightening or keeping a policy is no warning", () => {
  const before = stackOf(phase2(), { failOverBudget: false, maxIncrease: null });
  const after = stackOf(phase2({ billing: { budgetUsd: 700 } }), { failOverBudget: true, maxIncrease: "10eur" });
  assert.deepEqual(messages(diffStack(before, after), "policy-loosened"), []);
});
