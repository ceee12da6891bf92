/** Asks the platform again and again, as visitors do, and tells how long and how often it did not answer. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "./stage.ts";

export type Seen = {
  readonly requests: number;
  readonly failed: number;
  /** Status or error of each failed request with its time in seconds since the start. */
  readonly failures: readonly string[];
  /** From the last good answer before a failure to the first good one after it; the longest such time. */
  readonly longestGapSeconds: number;
};

export type Probe = { stop(): Promise<Seen> };

/** One request after the other, `everyMs` apart, until the test ends; an answer other than 2xx counts as a failure. */
export function startProbe(stage: Stage, path: string, everyMs = 100): Probe {
  let ended = false;
  let abandoned = false;
  stage.after(() => {
    abandoned = true;
  });
  let requests = 0;
  const failures: string[] = [];
  const began = performance.now();
  let longest = 0;
  let lastGood = performance.now();
  let failing = false;
  const once = async (): Promise<void> => {
    requests += 1;
    const sent = performance.now();
    const failure = await stage.visit(path, { timeoutMs: 2000 }).then(
      ({ status }) => (status >= 200 && status < 300 ? null : String(status)),
      (error: unknown) => String(error),
    );
    const good = failure === null;
    if (!good) failures.push(`${((sent - began) / 1000).toFixed(1)} s: ${failure}`);
    if (good && failing) longest = Math.max(longest, performance.now() - lastGood);
    if (good) lastGood = performance.now();
    failing = !good;
  };
  const work = (async () => {
    while (!abandoned && (!ended || failing)) {
      await once();
      await sleep(everyMs);
    }
  })();
  return {
    async stop() {
      ended = true;
      await work;
      return { requests, failed: failures.length, failures, longestGapSeconds: longest / 1000 };
    },
  };
}
