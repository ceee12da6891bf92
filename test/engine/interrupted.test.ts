import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { localOf } from "../../cli/local/context.ts";
import { recoverStack } from "../../cli/local/stack.ts";
import { until } from "../../cli/process/pause.ts";
import type { Progress } from "../../cli/progress.ts";
import { prepareEngine } from "../support/pulumi.ts";
import { expectedNames, planOf } from "./lifecycle.ts";
import { assertConverged, type Bench, listHetzner, startBench } from "./support.ts";

const slow = (bench: Bench, command: string, milliseconds: number): Promise<unknown> =>
  bench.cloud.hetzner.control("PUT", "delays", { commands: { [command]: milliseconds } });

/** Starts an update, waits until `reached` holds, and hands its process to `strike`. */
const strikeDuringUp = async (
  bench: Bench,
  reached: () => Promise<boolean>,
  strike: (pid: number) => unknown,
): Promise<void> => {
  const { project } = bench;
  let pid = 0;
  const running = project.run(["up", "--stack", project.stack, "--yes", "--skip-preview"], {
    onStart: (started) => {
      pid = started;
    },
  });
  const waited = await until(
    async () => ((await reached()) ? true : undefined),
    { everyMs: 20, timeoutMs: 60_000 },
    new AbortController().signal,
  );
  assert.equal(waited, true, "the update never got that far");
  await strike(pid);
  const ended = await running;
  assert.notEqual(ended.code, 0, "the update ended before it was struck");
};

const silent: Progress = { step: (_, work) => work(() => undefined), say: () => undefined };

const recover = async ({ project, cloud }: Bench): Promise<void> =>
  recoverStack(localOf(project.instance, cloud.endpoints, await prepareEngine()), project.stack, silent);

test("after a kill -9 in the middle of an up, the next one finishes the work", async (t) => {
  const bench = await startBench(t, "phase2");
  await slow(bench, "create_server", 2000);
  await strikeDuringUp(
    bench,
    async () => (await listHetzner(bench, "servers")).length >= 3,
    (pid) => process.kill(pid, "SIGKILL"),
  );
  // Such files are not written in one piece; an empty one makes the state beside it unreadable.
  const attributes = globSync("**/*.attrs", { cwd: join(bench.project.instance.backendDir, ".pulumi") });
  assert.deepEqual(attributes, []);
  const cutOff = await bench.project.state();
  const pending = cutOff.pending_operations ?? [];
  assert.ok(
    pending.some(({ resource }) => resource.urn.endsWith("-server")),
    "a server's creation was cut off; without that this test shows nothing",
  );
  await slow(bench, "create_server", 0);
  await recover(bench);
  (await bench.project.up()).succeeded();
  await assertConverged(bench, expectedNames(planOf("phase2")));
});

test("after the API's power was cut in the middle of an up, the next one finishes the work", async (t) => {
  const bench = await startBench(t, "phase1");
  await slow(bench, "create_server", 2000);
  await strikeDuringUp(
    bench,
    async () => (await listHetzner(bench, "servers")).length === 1,
    () => bench.cloud.kill(),
  );
  await bench.cloud.restart();
  await recover(bench);
  (await bench.project.up()).succeeded();
  await assertConverged(bench, expectedNames(planOf("phase1")));
});
