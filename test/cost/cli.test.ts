import assert from "node:assert/strict";
import { test } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { costOutput } from "../../cost/estimate.ts";
import { shortNames, signedCents, thousands } from "../../cost/format/rows.ts";
import { costTable } from "../../cost/format/table.ts";
import { assertGolden } from "./golden.ts";
import { book, committedPlan, planOf, rawPlatform, run } from "./support.ts";

test("cost prints the table of phase 2, as local up does, when no stack is named", async () => {
  const { out, code } = await run(["cost"]);
  assert.equal(code, 0);
  assert.match(out, /^phase2 in ash: 573\.33 EUR = 638\.28 USD a month/);
  assert.equal((await run(["cost", "phase2"])).out, out);
});

test("cost --all prints every stack", async () => {
  const { out } = await run(["cost", "--all"]);
  assert.deepEqual(out.match(/^phase\d in ash: [\d.]+ EUR/gm), [
    "phase1 in ash: 49.95 EUR",
    "phase2 in ash: 573.33 EUR",
    "phase3 in ash: 1595.86 EUR",
  ]);
  assertGolden("all.txt", out);
});

test("a narrow terminal loses columns, never the amount, and no line is wider than the screen", () => {
  const cost = costOutput(committedPlan("phase3"), book);
  for (const columns of [60, 80, 100, 120, 200]) {
    const table = costTable(cost, { columns, color: false })
      .split("\n")
      .filter((line) => /^[│┌└]/.test(line));
    assert.ok(
      table.every((line) => line.length <= columns),
      `${columns} columns`,
    );
    assert.ok(
      table.some((line) => line.includes("704.95")),
      `${columns} columns show the k3s machines`,
    );
  }
});

test("colour changes nothing but the colour", () => {
  const cost = costOutput(committedPlan("phase2"), book);
  const plain = costTable(cost, { columns: 120, color: false });
  const coloured = costTable(cost, { columns: 120, color: true });
  assert.notEqual(coloured, plain);
  assert.equal(stripVTControlCharacters(coloured), plain);
});

test("cost --json is what the stack output holds", async () => {
  const { out } = await run(["cost", "phase1", "--json"]);
  assert.deepEqual(JSON.parse(out), costOutput(committedPlan("phase1"), book));
  const all: unknown = JSON.parse((await run(["cost", "--all", "--json"])).out);
  assert.ok(Array.isArray(all));
  assert.deepEqual(
    all.map((cost: { stack: string }) => cost.stack),
    ["phase1", "phase2", "phase3"],
  );
});

test("cost --markdown", async () => {
  assertGolden("phase2.md", (await run(["cost", "phase2", "--markdown"])).out);
});

test("cost --at prices an earlier day with its prices and its exchange rate", async () => {
  const { out } = await run(["cost", "phase1", "--at", "2026-03-01"]);
  // 0.50 + 8.99 + 80 * 0.0440 + 8.99 * 20 % + 4.99 = 19.798
  assert.match(out, /^phase1 in ash: 19\.80 EUR/);
  assert.match(out, /Prices of 2026-03-01, 1 EUR = 1\.1642 USD \(ECB, 2026-01-09\)/);
});

test("cost --usd-per-eur takes another rate and says so", async () => {
  const { out } = await run(["cost", "phase1", "--usd-per-eur", "2"]);
  assert.match(out, /49\.95 EUR = 99\.91 USD/);
  assert.match(out, /1 EUR = 2 USD \(given by hand\)/);
});

test("cost --explain names price, day, cap and source of a line, or of all lines of a part", async () => {
  assertGolden("explain.txt", (await run(["cost", "phase1", "--explain", "server:server-1"])).out);
  const part = await run(["cost", "phase3", "--explain", "database"]);
  assert.equal(part.out.match(/^(server|volume):db-\d/gm)?.length, 6);
});

test("an explanation of a kept price says that it is kept and what today's would be", async () => {
  const { explainLine } = await import("../../cost/commands/explain.ts");
  const plan = planOf(
    rawPlatform(2, {
      location: "nbg1",
      backups: { objectStorage: "fsn1" },
      api: { serverType: "ccx23", orderedAt: "2026-05-02" },
    }),
  );
  assert.match(
    explainLine(costOutput(plan, book), "server:api-1"),
    /ordered on 2026-05-02, before the price changed for new orders: .* today's price is 85\.99/,
  );
});

test("wrong arguments are told what was given and what would do, and exit with 1", async () => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [
      ["cost", "phase9"],
      /^stack: phase9 given, there is no stacks\/Pulumi\.phase9\.yaml; choose one of phase1, phase2, phase3$/,
    ],
    [
      ["cost", "--at", "2026-02-30"],
      /^--at: 2026-02-30 given, it needs a day of the calendar; write it as 2026-03-01$/,
    ],
    [["cost", "--usd-per-eur", "-1"], /^--usd-per-eur: -1 given, it needs a positive number; write it as 1\.1133$/],
    [["cost", "--explain", "nothing"], /^--explain: nothing given, phase2 has no such line; choose one of primary-ip:/],
    [["cost", "--at", "2025-06-01"], /^no price for /],
  ];
  for (const [args, message] of wrong) {
    const { out, err, code } = await run(args);
    assert.deepEqual([out, code], ["", 1], args.join(" "));
    assert.match(err, message);
  }
});

test("names in a row are shortened by runs", () => {
  assert.equal(shortNames(["db-1", "db-2", "db-3", "redis-1"]), "db-1…3, redis-1");
  assert.equal(shortNames(["db-1-data", "db-2-data"]), "db-1-data, db-2-data");
  assert.equal(shortNames(["db-1", "db-3", "db-4", "db-5"]), "db-1, db-3…5");
  assert.equal(shortNames(["chitlaq.com"]), "chitlaq.com");
});

test("numbers are written with separators, signs and no negative zero", () => {
  assert.equal(thousands(1_234_567), "1,234,567");
  assert.equal(thousands(100), "100");
  assert.deepEqual(["12.004", "-3.5", "-0.001", "0"].map(signedCents), ["+12.00", "-3.50", "0.00", "0.00"]);
});
