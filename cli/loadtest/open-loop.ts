/**
 * Arrivals that do not wait for answers. Each call has its time on a schedule, and its latency counts from that time: a server
 * that stands still for a second makes the calls of that second slow, as it does for users. A loop that waits for answers
 * would ask less and see one slow call ("coordinated omission").
 */
import { pause } from "../process/pause.ts";

export type Sample<K extends string> = {
  readonly kind: K;
  /** Milliseconds from the scheduled time to the answer. */
  readonly latencyMs: number;
  /** Milliseconds from the scheduled time until it was sent: the generator's own delay. */
  readonly lagMs: number;
  /** Why it failed; undefined for a success. */
  readonly error?: string;
};

export type Arrivals<K extends string> = {
  /** Calls a second. */
  readonly rate: number;
  readonly seconds: number;
  readonly kindOf: (index: number) => K;
  /** Rejects with the reason as message when the call fails. */
  readonly call: (kind: K, index: number) => Promise<void>;
  readonly signal: AbortSignal;
};

/** Calls that may wait for answers at once; what comes beyond is counted as failed, not kept for later. */
const mostOutstanding = 20_000;

const tickMs = 4;

/** Makes every call of the schedule and waits for the last answer. */
export async function runOpenLoop<K extends string>(arrivals: Arrivals<K>): Promise<readonly Sample<K>[]> {
  const { rate, seconds, signal } = arrivals;
  const total = Math.round(rate * seconds);
  const samples: Sample<K>[] = [];
  const running = new Set<Promise<void>>();
  const begin = performance.now();
  const launch = (index: number): void => {
    const at = begin + (index * 1000) / rate;
    const kind = arrivals.kindOf(index);
    const lagMs = performance.now() - at;
    const note = (error?: string): void => {
      const base = { kind, lagMs, latencyMs: performance.now() - at };
      samples.push(error === undefined ? base : { ...base, error });
    };
    if (running.size >= mostOutstanding) {
      note(`not sent: ${mostOutstanding} calls wait for answers`);
      return;
    }
    const call: Promise<void> = arrivals
      .call(kind, index)
      .then(() => note())
      .catch((error: unknown) => note(error instanceof Error ? error.message : String(error)))
      .finally(() => running.delete(call));
    running.add(call);
  };
  for (let sent = 0; sent < total; ) {
    const due = Math.min(total, Math.floor(((performance.now() - begin) / 1000) * rate) + 1);
    while (sent < due) {
      launch(sent);
      sent += 1;
    }
    if (sent < total) await pause(tickMs, signal);
  }
  await Promise.all(running);
  return samples;
}
