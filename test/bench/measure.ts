/** Shared by the benchmarks: medians of whole processes, and a row per figure. Goals are printed, never asserted. */
import { run } from "../../cli/process/run.ts";

export type Row = {
  readonly what: string;
  readonly measured: string;
  /** What it is compared with, measured in the same run; empty for a plain figure. */
  readonly baseline: string;
  readonly ratio: string;
  readonly goal: string;
  readonly met: boolean | null;
};

/** Registers clean-up that runs when the benchmark ends, as a test's context does. */
export type Cleanup = { after(fn: () => unknown): void };

export type Benchmark = { readonly name: string; readonly rows: (cleanup: Cleanup) => Promise<readonly Row[]> };

/** Does the work and then its clean-up, last registered first, whatever becomes of the work. */
export async function withCleanup<T>(work: (cleanup: Cleanup) => Promise<T>): Promise<T> {
  const cleanups: (() => unknown)[] = [];
  try {
    return await work({ after: (fn) => cleanups.push(fn) });
  } finally {
    for (const cleanup of cleanups.reverse()) await cleanup();
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const high = sorted[middle];
  const low = sorted[sorted.length % 2 === 0 ? middle - 1 : middle];
  if (high === undefined || low === undefined) throw new Error("median of nothing");
  return (high + low) / 2;
}

/** Milliseconds of one awaited call. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Runs the two in turn (A B A B …), so that a drift of the machine's speed meets both; the first pair is a warm-up. */
export async function paired(
  times: number,
  a: () => Promise<unknown>,
  b: () => Promise<unknown>,
): Promise<{ readonly a: number; readonly b: number; readonly ratio: number }> {
  const as: number[] = [];
  const bs: number[] = [];
  for (let round = 0; round <= times; round += 1) {
    const one = await timed(a);
    const other = await timed(b);
    if (round === 0) continue;
    as.push(one);
    bs.push(other);
  }
  return { a: median(as), b: median(bs), ratio: median(as.map((value, index) => value / (bs[index] ?? Number.NaN))) };
}

/** A whole process that must end with 0. */
export async function processRun(command: string, args: readonly string[], cwd: string): Promise<void> {
  const ended = await run(command, args, { cwd });
  if (ended.code !== 0) throw new Error(`${command} ${args.join(" ")}: ${ended.code}\n${ended.stdout}${ended.stderr}`);
}

export const milliseconds = (value: number): string =>
  value >= 1000 ? `${(value / 1000).toFixed(2)} s` : `${value.toFixed(0)} ms`;

export const times = (value: number): string => `${value.toFixed(2)} ×`;
