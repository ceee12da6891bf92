import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { createProgress } from "../../cli/progress.ts";

function terminal() {
  const written: string[] = [];
  return { written, stream: { write: (text: string) => written.push(text) } };
}

test("without a terminal a step is a line at its start and one at its end, with no control characters", async () => {
  const { written, stream } = terminal();
  const progress = createProgress({ quiet: false, stream });
  assert.equal(await progress.step("Building", async () => 7), 7);
  progress.say("next");
  assert.match(written.join(""), /^Building…\n {2}done in \d+\.\d s\nnext\n$/);
  assert.equal(written.join("").includes("\u001b"), false);
});

test("a terminal without a width gets plain lines", async () => {
  const { written, stream } = terminal();
  const progress = createProgress({ quiet: false, stream: { ...stream, isTTY: true, columns: 0 } });
  await progress.step("Building", async () => undefined);
  assert.match(written.join(""), /^Building…\n {2}done in/);
});

test("without a terminal details come at intervals only", async () => {
  const { written, stream } = terminal();
  const progress = createProgress({ quiet: false, stream, plainEverySeconds: 0.05 });
  await progress.step("Updating", async (note) => {
    for (let n = 0; n < 100; n += 1) note(`change ${n}`);
    await delay(60);
    note("change 100");
    note("change 101");
  });
  assert.deepEqual(written.slice(1, -1), ["  change 100\n"]);
});

test("a step that fails says so and passes the error on", async () => {
  const { written, stream } = terminal();
  const progress = createProgress({ quiet: false, stream });
  await assert.rejects(
    progress.step("Updating", () => Promise.reject(new Error("no room"))),
    /no room/,
  );
  assert.match(written.at(-1) ?? "", /stopped after/);
});

test("quiet shows nothing and does the work", async () => {
  const { written, stream } = terminal();
  const progress = createProgress({ quiet: true, stream });
  progress.say("hello");
  const work = async (note: (text: string) => void): Promise<number> => {
    note("halfway");
    return 1;
  };
  assert.equal(await progress.step("Building", work), 1);
  assert.deepEqual(written, []);
});
