import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { percentile, summarise } from "../../../cli/loadtest/figures.ts";
import { type Kind, kindAt, kinds, mix } from "../../../cli/loadtest/mix.ts";
import { runOpenLoop, type Sample } from "../../../cli/loadtest/open-loop.ts";
import { ramp } from "../../../cli/loadtest/measure.ts";
import { addressesFor } from "../../../cli/loadtest/local.ts";
import { pause } from "../../../cli/process/pause.ts";
import { slo } from "../../../plan/capacity.ts";

const never = new AbortController().signal;

test("percentiles are values of the sample: nearest rank", () => {
  const hundred = Array.from({ length: 100 }, (_, index) => 100 - index);
  assert.deepEqual(
    [0.5, 0.95, 0.99, 1].map((share) => percentile(hundred, share)),
    [50, 95, 99, 100],
  );
  assert.deepEqual([percentile([7], 0.95), percentile([], 0.95), percentile([1, 2], 0.5)], [7, null, 1]);
  const values = fc.array(fc.double({ noNaN: true, min: 0, max: 1e6 }), { minLength: 1 });
  fc.assert(
    fc.property(values, fc.double({ min: 0.01, max: 1, noNaN: true }), (sample, share) => {
      const found = percentile(sample, share) ?? Number.NaN;
      const atMost = sample.filter((value) => value <= found).length;
      const below = sample.filter((value) => value < found).length;
      assert.ok(
        sample.includes(found) && atMost >= share * sample.length - 1e-9 && below < share * sample.length + 1e-9,
      );
    }),
  );
});

test("the mix is whole, writes in the plan's ratio, and falls on a point in its shares", () => {
  const sum = kinds.reduce((total, kind) => total + mix[kind].share, 0);
  assert.ok(Math.abs(sum - 1) < 1e-12);
  assert.ok(Math.abs(mix.message.share / mix.post.share - 5) < 1e-9, "50 messages to 10 posts");
  const counts = new Map<Kind, number>();
  for (let index = 0; index < 10_000; index += 1) {
    const kind = kindAt(index / 10_000);
    counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  for (const kind of kinds) assert.ok(Math.abs((counts.get(kind) ?? 0) / 10_000 - mix[kind].share) < 0.001, kind);
});

test("a server that stands still makes every call of that time slow, not one", async () => {
  // Serves at once, but nothing between 200 and 600 ms: as a collector's pause does.
  const begin = performance.now();
  const samples = await runOpenLoop({
    rate: 100,
    seconds: 1,
    kindOf: (): "read" => "read",
    call: async () => {
      const now = performance.now() - begin;
      if (now > 200 && now < 600) await pause(600 - now, never);
    },
    signal: never,
  });
  assert.equal(samples.length, 100);
  const slow = samples.filter(({ latencyMs }) => latencyMs > 50).length;
  assert.ok(slow >= 30 && slow <= 70, `${slow} of 100 calls met the 400 ms`);
  assert.ok(
    (percentile(
      samples.map(({ latencyMs }) => latencyMs),
      1,
    ) ?? 0) > 350,
  );
});

test("a generator that was held up counts the delay into the latency, and tells it", async () => {
  let held = false;
  const samples = await runOpenLoop({
    rate: 100,
    seconds: 0.5,
    kindOf: (): "read" => "read",
    call: async () => {
      if (held) return;
      held = true;
      for (const until = performance.now() + 200; performance.now() < until; );
    },
    signal: never,
  });
  const lags = samples.map(({ lagMs }) => lagMs);
  assert.ok((percentile(lags, 1) ?? 0) > 100 && samples.every(({ latencyMs, lagMs }) => latencyMs >= lagMs));
});

const sample = (kind: Kind, latencyMs: number, error?: string): Sample<Kind> =>
  error === undefined ? { kind, latencyMs, lagMs: 0 } : { kind, latencyMs, lagMs: 0, error };

test("thresholds are the plan's; failures count as failures and not as fast answers", () => {
  const fine = Array.from({ length: 2000 }, () => sample("feed", slo.p95Ms));
  const good = summarise(fine, 100, 20);
  assert.deepEqual([good.passed, good.achieved, good.requestsPerSecond], [true, 100, 100]);
  assert.deepEqual(
    good.thresholds.map(({ what, limit, met }) => [what, limit, met]),
    [
      ["p95 of feed", 150, true],
      ["failed calls", 0.1, true],
    ],
  );

  const twoFailed = summarise(
    [...fine, sample("feed", 1, "status 503"), sample("feed", 1, "status 503"), sample("feed", 1, "ECONNRESET")],
    100,
    20,
  );
  assert.deepEqual([twoFailed.passed, twoFailed.errorPercent], [false, 0.15]);
  const feed = twoFailed.kinds.find(({ kind }) => kind === "feed");
  assert.deepEqual([feed?.reasons, feed?.p50Ms], [{ "status 503": 2, ECONNRESET: 1 }, 150]);

  const slow = summarise([...fine, ...Array.from({ length: 200 }, () => sample("message", 151))], 100, 20);
  assert.deepEqual(
    slow.thresholds.filter(({ met }) => met === false).map(({ what }) => what),
    ["p95 of message"],
  );
  assert.equal(slow.requestsPerSecond, 100, "messages are no requests");
  const fewPosts = summarise([...fine, ...Array.from({ length: 19 }, () => sample("post", 900))], 100, 20);
  assert.deepEqual(
    [fewPosts.passed, fewPosts.thresholds.find(({ what }) => what === "p95 of post")?.met],
    [true, null],
  );
  assert.equal(summarise([sample("post", 900)], 1, 1).passed, false, "a short test is judged by what there is");
  assert.equal(summarise([sample("feed", 1, "status 500")], 1, 1).passed, false, "nothing succeeded");
  assert.equal(summarise([], 1, 1).passed, false);
});

test("a ramp keeps the last rate that met the thresholds, and does not take its own limit for the platform's", async () => {
  const at = (rate: number, p95: number, lagMs = 0) => {
    const samples = Array.from({ length: 100 }, () => ({ ...sample("feed", p95), lagMs }));
    return Promise.resolve(summarise(samples, rate, 10));
  };
  const rates: number[] = [];
  const found = await ramp(
    100,
    (rate) => at(rate, rate < 300 ? 20 : 400),
    ({ rate }) => rates.push(rate),
  );
  assert.deepEqual([rates, found.best?.rate, found.end], [[100, 150, 225, 338], 225, "threshold"]);
  const own = await ramp(
    100,
    (rate) => at(rate, 20, rate > 200 ? 90 : 0),
    () => undefined,
  );
  assert.deepEqual([own.best?.rate, own.end], [150, "generator"]);
  assert.equal(
    (
      await ramp(
        100,
        (rate) => at(rate, 400),
        () => undefined,
      )
    ).best,
    null,
  );
});

test("users of the local cloud have enough addresses for the platform's limit per client", () => {
  assert.deepEqual(addressesFor(16, 10), ["198.51.100.1", "198.51.100.2"]);
  assert.equal(addressesFor(50, 200).length, 25);
  assert.equal(addressesFor(10, 10_000).length, 10, "not more than users");
  assert.equal(new Set(addressesFor(5000, 5000)).size, 254);
});
