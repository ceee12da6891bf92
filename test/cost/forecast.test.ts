import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { loadAt } from "../../cost/capacity/load.ts";
import { type ForecastOptions, forecastOf } from "../../cost/forecast/forecast.ts";
import { readMeasured } from "../../cost/forecast/measured.ts";
import { fileScenario, planScenario, type Scenario, scenarioNames } from "../../cost/forecast/scenarios.ts";
import { stageNames } from "../../cost/forecast/stages.ts";
import { type ScenarioForecast, forecastSchema } from "../../cost/schema/forecast.ts";
import { databaseBytesPerUser } from "../../plan/capacity.ts";
import { book, run } from "./support.ts";

const options: ForecastOptions = { book, at: book.date, usdPerEur: null, measured: {} };

const project = (scenario: Scenario, changes: Partial<ForecastOptions> = {}): ScenarioForecast => {
  const [projected] = forecastOf([scenario], { ...options, ...changes }).scenarios;
  if (projected === undefined) throw new Error("no scenario");
  return projected;
};

const constant = (users: readonly number[]): Scenario => ({
  name: "test",
  source: "test",
  continuation: "",
  users: users.map((count) => ({ from: count, to: count })),
});

const file = (t: { after: (work: () => void) => void }, name: string, text: string): string => {
  const directory = mkdtempSync(join(tmpdir(), "forecast-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  writeFileSync(join(directory, name), text);
  return join(directory, name);
};

test("the plan's six months are taken as they are; after them the range spans two readings of growth", () => {
  const { users } = planScenario("moderate", 9);
  assert.deepEqual(
    users.slice(0, 6).map((span) => [span.from, span.to]),
    [2_000, 6_000, 15_000, 30_000, 50_000, 80_000].map((count) => [count, count]),
  );
  // 30,000 more each month, or 20 % more: 80,000 * 1.2, * 1.44, * 1.728
  assert.deepEqual(users.slice(6), [
    { from: 96_000, to: 110_000 },
    { from: 115_200, to: 140_000 },
    { from: 138_240, to: 170_000 },
  ]);
});

test("a forecast shorter than the scenario is cut", () => {
  assert.equal(planScenario("aggressive", 3).users.length, 3);
});

test("load at 100,000 users, by hand", () => {
  const load = loadAt(100_000);
  // 100 calls a day: 10,000,000 / 86,400 = 115.7 a second, 3 to 6 times that at the peak
  assert.deepEqual([load.requestsPerSecond.from.toFixed(1), load.requestsPerSecond.to.toFixed(1)], ["347.2", "694.4"]);
  assert.deepEqual(load.concurrentUsers, { from: 5_000, to: 10_000 });
  assert.deepEqual(load.webSocketConnections, { from: 2_500, to: 10_000 });
  // 347.2 * 0.02 s and 694.4 * 0.1 s
  assert.deepEqual(
    [load.databaseConnections.from.toFixed(2), load.databaseConnections.to.toFixed(2)],
    ["6.94", "69.44"],
  );
  // 25 KB and the 46 KB its own items add up to
  assert.deepEqual(load.databaseDisk, { from: 2.5, to: 4.6 });
  assert.equal(databaseBytesPerUser.itemised, 46_000);
});

test("the stage follows the first limit at 80 %: concurrent users, a tenth of all, against 500, 1,000, 10,000 and 100,000", () => {
  const { months } = project(constant([3_999, 4_000, 7_999, 8_000, 79_999, 80_000, 799_999, 1_000_000]));
  assert.deepEqual(
    months.map((month) => [month.users.to, month.stage, month.overloaded]),
    [
      [3_999, "phase1", false],
      [4_000, "phase1-upgraded", false],
      [7_999, "phase1-upgraded", false],
      [8_000, "phase2", false],
      [79_999, "phase2", false],
      [80_000, "phase3", false],
      [799_999, "phase3", false],
      [1_000_000, "phase3", true],
    ],
  );
  assert.ok(months.every((month) => month.bottleneck === "concurrentUsers"));
});

test("the lower estimate needs the stage later: half as many are online", () => {
  const { months, moves } = project(constant([80_000, 100_000, 159_999, 160_000]));
  assert.deepEqual(
    months.map((month) => month.stageAtLower),
    ["phase2", "phase2", "phase2", "phase3"],
  );
  assert.deepEqual(moves, [
    { to: "phase3", neededInMonth: 1, latestMonth: 4, because: "concurrentUsers", decideByMonth: -1 },
  ]);
});

test("a month costs what the stack costs at its users, and no less than the lower estimate needs", () => {
  const [month] = project(constant([50_000])).months;
  // phase 2 as committed, at its expected users; 5 % online would fit it just as well
  assert.deepEqual([month?.monthlyNet.from.eur, month?.monthlyNet.to.eur], ["573.3258", "573.3258"]);
  const [wide] = project(constant([80_000])).months;
  assert.equal(wide?.monthlyNet.from.eur, "573.5086"); // phase 2: 80,000 * 30 MB = 2.1828 TB, 2 included
  assert.equal(wide?.monthlyNet.to.eur, "1588.2158"); // phase 3 within its 6 TB: 1595.8582 - 7.6424
});

test("a database that outgrows its volume enlarges it in every member", () => {
  const months = project(constant([4_000_000, 8_000_000])).months;
  const at = (users: number): number => Math.ceil((users * 46_000) / 2 ** 30 / 0.8);
  const grown = (at(8_000_000) - Math.max(250, at(4_000_000))) * 3 * 0.0572;
  const traffic = (4_000_000 * 30e6) / 2 ** 40;
  const more = Number(months[1]?.monthlyNet.to.eur) - Number(months[0]?.monthlyNet.to.eur);
  // 2 TB of images, and backups of 184 GB more database: 35 % of 6 fulls, 31 differentials of a tenth, 37 days of a fifth
  const kept = 2 + 0.184 * 0.35 * (6 + 3.1 + 7.4);
  assert.ok(Math.abs(more - traffic - grown - kept * 0.0087 * 730) < 0.01);
});

test("months in which a limit is reached span the estimates, as if the stage were kept", () => {
  const { limits } = project(constant([4_000, 5_000, 8_000, 10_000, 20_000]));
  const users = limits.find((entry) => entry.stage === "phase1" && entry.limit === "concurrentUsers");
  // 80 % of 500: 4,000 users at 10 % online, 8,000 at 5 %
  assert.deepEqual(users?.reaches80, { earliest: 1, latest: 3 });
  assert.deepEqual(users?.reaches100, { earliest: 2, latest: 4 });
  const requests = limits.find((entry) => entry.stage === "phase3" && entry.limit === "requestsPerSecond");
  assert.deepEqual(requests?.reaches100, { earliest: null, latest: null });
  const unbounded = limits.find((entry) => entry.stage === "phase3" && entry.limit === "users");
  assert.deepEqual([unbounded?.at, unbounded?.reaches80], [null, { earliest: null, latest: null }]);
});

test("measured limits take the place of the plan's and can make a smaller stage do", (t) => {
  const path = file(
    t,
    "measured.yaml",
    "phase2:\n  concurrentUsers: 30000\n  webSocketConnections: 30000\n  source: load test of 2026-11-20\n",
  );
  const scenario = constant([100_000]);
  assert.equal(project(scenario).months[0]?.stage, "phase3");
  const measured = project(scenario, { measured: readMeasured(path) });
  assert.equal(measured.months[0]?.stage, "phase2");
  const limit = measured.limits.find((entry) => entry.stage === "phase2" && entry.limit === "concurrentUsers");
  assert.deepEqual([limit?.at, limit?.source], [30_000, "measured"]);
});

test("the plan's cost metrics are answered: cost per user and cost growth met, utilisation impossible", () => {
  for (const name of scenarioNames) {
    const { success } = project(planScenario(name, 24));
    assert.deepEqual(
      success.map(({ metric, met }) => [metric, met]),
      [
        ["cost per user", true],
        ["cost growth", true],
        ["utilisation", false],
      ],
      name,
    );
  }
});

test("the plan's savings are answered with numbers", () => {
  const { savings } = forecastOf([], options);
  const of = (idea: string) => savings.find((saving) => saving.idea.startsWith(idea));
  assert.equal(of("Reserved instances")?.monthlyNet, null);
  assert.equal(of("Spot instances")?.monthlyNet, null);
  // ccx23 in ash for 2/3 of 730 hours: 87.49 - 486.6667 * 0.1402 = 19.2593
  assert.equal(of("Auto-scaling")?.monthlyNet?.eur, "19.2593");
  // 13.6424 TB fall to 2.7285 and below the 6 included: all of the 7.6424 TB over
  assert.equal(of("CDN")?.monthlyNet?.eur, "7.6424");
  // ccx33 in fsn1: 138.49 - 62.49
  assert.equal(of("Price-locked")?.monthlyNet?.eur, "76.0000");
  assert.equal(of("Cloudflare Pro")?.monthlyNet?.usd, "5.0000");
});

test("more users never need a smaller stage nor cost less, and the output fits its schema", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 3_000_000 }), { minLength: 2, maxLength: 6 }), (counts) => {
      const forecast = forecastOf([constant(counts.toSorted((a, b) => a - b))], options);
      assert.deepEqual(forecastSchema.parse(JSON.parse(JSON.stringify(forecast))), forecast);
      const months = forecast.scenarios[0]?.months ?? [];
      for (const [index, month] of months.entries()) {
        const next = months[index + 1];
        if (next === undefined) continue;
        assert.ok(stageNames.indexOf(next.stage) >= stageNames.indexOf(month.stage));
        assert.ok(Number(next.monthlyNet.to.eur) >= Number(month.monthlyNet.to.eur));
        assert.ok(stageNames.indexOf(month.stageAtLower) <= stageNames.indexOf(month.stage));
      }
    }),
    { numRuns: 15 },
  );
});

test("a platform does not step back when users leave", () => {
  const { months } = project(constant([100_000, 5_000]));
  assert.deepEqual(
    months.map((month) => month.stage),
    ["phase3", "phase3"],
  );
});

test("a scenario of one's own: numbers, ranges and the growth after them", (t) => {
  const path = file(
    t,
    "mine.yaml",
    "name: mine\nusers: [1000, {from: 2000, to: 3000}]\ngrowthPercent: {from: 10, to: 50}\n",
  );
  const scenario = fileScenario(path, 4);
  assert.deepEqual(scenario.users, [
    { from: 1_000, to: 1_000 },
    { from: 2_000, to: 3_000 },
    { from: 2_200, to: 4_500 },
    { from: 2_420, to: 6_750 },
  ]);
});

test("forecast prints tables, Markdown, JSON, a page and pictures", async (t) => {
  const table = await run(["forecast", "--months", "6"]);
  assert.equal(table.code, 0);
  assert.match(table.out, /^moderate: capacity plan, User Growth Scenarios/);
  assert.match(table.out, /^Move {5}phase 2 is needed in month 3 to 4 \(concurrent users\): decide by month 1$/m);
  for (const columns of [80, 120, 240]) {
    const { out } = await run(["forecast", "--months", "6"], { columns });
    assert.ok(
      out.split("\n").every((line) => !/^[│┌└]/.test(line) || line.length <= columns),
      `${columns} columns`,
    );
  }
  assert.match((await run(["forecast", "--markdown"])).out, /^## Forecast\n/);
  const json: unknown = JSON.parse((await run(["forecast", "--scenario", "all", "--json"])).out);
  assert.equal(forecastSchema.parse(json).scenarios.length, 3);
  const page = (await run(["forecast", "--scenario", "all", "--html"])).out;
  assert.doesNotMatch(page, /<script|<link|<img|src=|@import/);
  assert.equal(page.match(/<svg/g)?.length, 5);

  const directory = mkdtempSync(join(tmpdir(), "pictures-"));
  t.after(() => rmSync(directory, { recursive: true, force: true }));
  await run(["forecast", "--svg", directory]);
  const pictures = readdirSync(directory).sort();
  assert.deepEqual(pictures, [
    "forecast-cost.svg",
    "forecast-headroom.svg",
    "forecast-parts.svg",
    "forecast-stages.svg",
    "forecast-users.svg",
  ]);
  for (const picture of pictures) {
    const svg = readFileSync(join(directory, picture), "utf8");
    assert.match(svg, /^<svg/);
    assert.doesNotMatch(svg, /NaN|undefined|Infinity/, picture);
  }
  assert.match(readFileSync(join(directory, "forecast-parts.svg"), "utf8"), />638 of 800</);
});

test("wrong input is told what was given and what would do", async (t) => {
  const wrong: readonly (readonly [readonly string[], RegExp])[] = [
    [["--scenario", "wild"], /^--scenario: wild given, choose conservative, moderate, aggressive, all or a YAML file$/],
    [["--scenario", "missing.yaml"], /^--scenario: missing\.yaml given, it cannot be read/],
    [["--scenario", file(t, "a.yaml", "users: many\n")], /is not a scenario:\n[\s\S]*name[\s\S]*users/],
    [["--scenario", file(t, "b.yaml", "a: [\n")], /b\.yaml is not YAML/],
    [["--months", "0"], /^--months: 0 given, it needs a whole number from 1 to 60$/],
    [["--measured", file(t, "c.yaml", "phase9: {}\n")], /c\.yaml holds no measured limits/],
    [["--measured", file(t, "d.yaml", "phase2:\n  requestsPerSecond: 5\n")], /source/],
  ];
  for (const [args, message] of wrong) {
    const { err, code } = await run(["forecast", ...args]);
    assert.equal(code, 1, args.join(" "));
    assert.match(err, message);
  }
});
