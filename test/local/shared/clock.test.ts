import assert from "node:assert/strict";
import { test } from "node:test";
import { createClock } from "../../../local/shared/clock.ts";
import { createRateLimit } from "../../../local/shared/rateLimit.ts";
import { openStore } from "../../../local/shared/store.ts";

const start = Date.UTC(2026, 10, 23, 10, 0, 0);

function frozenClock() {
  const store = openStore(":memory:");
  const clock = createClock(store, () => start);
  clock.freeze();
  return { store, clock };
}

test("a frozen clock moves only by advance, and tasks fire in order when it passes them", () => {
  const { clock } = frozenClock();
  const fired: string[] = [];
  clock.schedule(start + 5000, () => fired.push("five"));
  clock.schedule(start + 1000, () => fired.push("one"));
  const cancel = clock.schedule(start + 2000, () => fired.push("cancelled"));
  cancel();
  clock.advance(999);
  assert.deepEqual(fired, []);
  clock.advance(4001);
  assert.deepEqual(fired, ["one", "five"]);
  assert.equal(clock.stamp(), "2026-11-23T10:00:05+00:00");
  clock.close();
});

test("a resumed clock keeps the distance it was moved by, also for the next process", () => {
  const { clock, store } = frozenClock();
  clock.advance(3_600_000);
  clock.resume();
  assert.equal(clock.now(), start + 3_600_000);
  assert.equal(createClock(store, () => start + 7).now(), start + 3_600_007);
  clock.reset();
  assert.equal(clock.now(), start);
  clock.close();
});

test("sleep ends by itself on a running clock", async () => {
  const store = openStore(":memory:");
  const clock = createClock(store);
  const before = clock.now();
  await clock.sleep(20);
  assert.ok(clock.now() - before >= 19);
  clock.close();
});

test("the rate-limit bucket empties, refills by the second and can be switched off", () => {
  const { clock } = frozenClock();
  const limit = createRateLimit(clock, 2, 1);
  assert.deepEqual(limit.take(), { allowed: true, limit: 2, remaining: 1, resetAt: start / 1000 + 1 });
  assert.equal(limit.take().allowed, true);
  assert.equal(limit.take().allowed, false);
  clock.advance(1000);
  assert.equal(limit.take().allowed, true);
  assert.equal(limit.take().allowed, false);
  limit.configure(0, 1);
  for (let call = 0; call < 10; call += 1) assert.equal(limit.take().allowed, true);
  clock.close();
});
