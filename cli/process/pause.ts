import { setTimeout as delay } from "node:timers/promises";

/** Waits; an abort ends the wait with the signal's own reason, not with a generic AbortError. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(milliseconds, undefined, { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}

/**
 * Asks `look` until it answers something other than undefined.
 * @returns undefined when `timeoutMs` passed without an answer.
 */
export async function until<T>(
  look: () => T | undefined | Promise<T | undefined>,
  timing: { readonly everyMs: number; readonly timeoutMs: number },
  signal: AbortSignal,
): Promise<T | undefined> {
  const deadline = performance.now() + timing.timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > deadline) return undefined;
    await pause(timing.everyMs, signal);
  }
}
