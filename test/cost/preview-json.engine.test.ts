import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { readStackPlatform } from "../../config/stack-file.ts";
import { diffStack } from "../../cost/diff/stack.ts";
import { type CostDiff, costDiffSchema } from "../../cost/schema/cost-diff.ts";
import { configure, type Stack, startBench } from "../engine/support.ts";
import { noPolicy, stackOf } from "./arbitrary.ts";
import { type Raw, run } from "./support.ts";

/**
 * The engine's preview and the plan must price a change alike: the one reads what the engine would do, the other compares
 * two configs. Each stack is brought up once; then every scenario is previewed against it.
 */
const scenarios: Readonly<Record<Stack, readonly Raw[]>> = {
  phase1: [{}, { server: { serverType: "cpx41" } }, { server: { volumeGiB: 200 } }, { backups: { provider: false } }],
  phase2: [
    {},
    { api: { count: 4 } },
    { api: { serverType: "ccx33" }, database: { volumeGiB: 300 } },
    { redis: { replica: true }, users: { expected: 100_000 } },
    { backups: { provider: true }, billing: { vatPercent: 19 } },
  ],
  phase3: [
    {},
    { k3s: { agents: 4 } },
    { loadBalancer: { count: 3, serverType: "cpx41" } },
    { users: { expected: 2_000_000 } },
  ],
};

type Compared = Pick<CostDiff["stacks"][number], "delta" | "oneTime" | "lines" | "after" | "before">;

const comparable = ({ delta, oneTime, lines, before, after }: Compared) => ({
  delta,
  oneTime,
  before: before?.total,
  after: after?.total,
  lines: lines
    .map((line) => [line.kind, line.id, line.before?.price.item, line.after?.price.item, line.delta.monthlyNet.eur])
    .sort(),
});

for (const stack of Object.keys(scenarios) as readonly Stack[]) {
  test(`${stack}: the engine's preview is priced as the plan's difference`, async (t) => {
    const bench = await startBench(t, stack);
    const directory = mkdtempSync(join(tmpdir(), "preview-"));
    t.after(() => rmSync(directory, { recursive: true, force: true }));
    const committed = readStackPlatform(stack) as Raw;

    const previewed = async (): Promise<CostDiff["stacks"][number]> => {
      const ended = await bench.project.ok(["preview", "--stack", stack, "--json"]);
      const file = join(directory, "preview.json");
      writeFileSync(file, ended.stdout);
      const { out, err } = await run(["cost", "preview-json", file, "--json"]);
      assert.equal(err, "");
      const [priced] = costDiffSchema.parse(JSON.parse(out)).stacks;
      assert.ok(priced);
      return priced;
    };

    await t.test("before it exists", async () => {
      assert.deepEqual(comparable(await previewed()), comparable(diffStack(null, stackOf(committed, noPolicy, stack))));
    });

    (await bench.project.up()).succeeded();
    // A scenario's fields are put back by the next one, because a change of config is merged into the file.
    const keys = scenarios[stack].flatMap((scenario) => Object.keys(scenario));
    const reset = Object.fromEntries(keys.map((key) => [key, committed[key] ?? {}]));
    for (const scenario of scenarios[stack]) {
      await t.test(JSON.stringify(scenario), async () => {
        configure(bench, { ...reset, ...scenario });
        const changed = stackOf({ ...committed, ...scenario }, noPolicy, stack);
        assert.deepEqual(
          comparable(await previewed()),
          comparable(diffStack(stackOf(committed, noPolicy, stack), changed)),
        );
      });
    }
  });
}
