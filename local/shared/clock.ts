/**
 * The local cloud's own time. It runs with the wall clock until somebody moves or freezes it over `/_local/clock`;
 * everything the emulators time-stamp, delay, bill or rate-limit goes by it.
 */
import type { Store } from "./store.ts";

export type ClockState = { readonly now: string; readonly frozen: boolean; readonly offsetMilliseconds: number };

export interface Clock {
  /** Milliseconds since the epoch, local time of the cloud. */
  now(): number;
  /** `2026-11-23T10:00:00+00:00`, the form of Hetzner's time stamps. */
  stamp(): string;
  /** Runs `task` once the clock has reached `at` (milliseconds); the result cancels it. */
  schedule(at: number, task: () => void): () => void;
  sleep(milliseconds: number): Promise<void>;
  advance(milliseconds: number): void;
  freeze(): void;
  resume(): void;
  state(): ClockState;
  /** Back to the wall clock; scheduled tasks stay. */
  reset(): void;
  /** Drops every scheduled task; pending sleeps never end. */
  close(): void;
}

type Setting = { readonly id: "clock"; readonly offset: number; readonly frozenAt: number | null };
type Task = { readonly at: number; readonly run: () => void };

/** setTimeout fires at once for delays of 2^31 ms or more; look again after a day instead. */
const longestTimer = 86_400_000;

export function formatStamp(milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19)}+00:00`;
}

export function createClock(store: Store, wall: () => number = Date.now): Clock {
  const settings = store.collection<Setting>("clock");
  const setting = (): Setting => settings.get("clock") ?? { id: "clock", offset: 0, frozenAt: null };
  const tasks = new Set<Task>();
  let timer: NodeJS.Timeout | undefined;

  const now = (): number => {
    const { offset, frozenAt } = setting();
    return frozenAt ?? wall() + offset;
  };

  const runDue = (): void => {
    const due = [...tasks].filter((task) => task.at <= now()).sort((a, b) => a.at - b.at);
    for (const task of due) if (tasks.delete(task)) task.run();
    arm();
  };

  const arm = (): void => {
    clearTimeout(timer);
    timer = undefined;
    if (tasks.size === 0 || setting().frozenAt !== null) return;
    let next = Number.POSITIVE_INFINITY;
    for (const task of tasks) next = Math.min(next, task.at);
    timer = setTimeout(runDue, Math.min(Math.max(0, next - now()), longestTimer));
  };

  const schedule = (at: number, run: () => void): (() => void) => {
    const task: Task = { at, run };
    tasks.add(task);
    arm();
    return () => {
      tasks.delete(task);
      arm();
    };
  };

  const change = (next: Omit<Setting, "id">): void => {
    settings.put({ id: "clock", ...next });
    runDue();
  };

  return {
    now,
    stamp: () => formatStamp(now()),
    schedule,
    sleep: (milliseconds) => new Promise((resolve) => schedule(now() + milliseconds, resolve)),
    advance: (milliseconds) => {
      const { offset, frozenAt } = setting();
      change({ offset: offset + milliseconds, frozenAt: frozenAt === null ? null : frozenAt + milliseconds });
    },
    freeze: () => change({ offset: setting().offset, frozenAt: now() }),
    resume: () => change({ offset: now() - wall(), frozenAt: null }),
    reset: () => change({ offset: 0, frozenAt: null }),
    state: () => ({
      now: new Date(now()).toISOString(),
      frozen: setting().frozenAt !== null,
      offsetMilliseconds: now() - wall(),
    }),
    close: () => {
      tasks.clear();
      arm();
    },
  };
}
