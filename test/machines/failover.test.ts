/**
 * What happens to writes when the leading database machine dies, under a writer that takes the application's way and keeps
 * every key it was told was written. Each way of dying is tried more than once; rows are counted after the old leader came
 * back, because a loss shows only then. Not proven: what a disk that lies about its writes would lose.
 */
import assert from "node:assert/strict";
import { it, type TestContext } from "node:test";
import { failLeader, failures, switchLeader } from "./failures.ts";
import { openStage, skip } from "./stage.ts";
import type { Written } from "./writer.ts";

/** What is promised, from the last row before a failure to the first one after it. */
const failoverLimitSeconds = 25;
const switchoverLimitSeconds = 3;
const trials = 2;

function assertWithin(t: TestContext, what: string, { longestGapSeconds, errors }: Written, limit: number): void {
  t.diagnostic(`${what}: ${longestGapSeconds.toFixed(1)} s without a write`);
  assert.ok(longestGapSeconds <= limit, `${what}: ${longestGapSeconds} s without a write\n${errors.join("\n")}`);
}

it("the database goes on without its leader", { skip }, async (t) => {
  const stage = await openStage(t, "phase2");
  await stage.healthy();

  for (let trial = 1; trial <= trials; trial += 1) {
    await t.test(
      `a planned switchover loses nothing and takes ${switchoverLimitSeconds} s at most (${trial})`,
      async (u) => assertWithin(u, "switchover", await switchLeader(stage), switchoverLimitSeconds),
    );
    for (const failure of failures) {
      await t.test(`${failure.name}: nothing lost, ${failoverLimitSeconds} s at most (${trial})`, async (u) =>
        assertWithin(u, failure.name, await failLeader(stage, failure), failoverLimitSeconds),
      );
    }
  }

  await t.test("an update afterwards finds nothing to do", async () => {
    await stage.healthy();
    await stage.up("--expect-no-changes");
  });
});
