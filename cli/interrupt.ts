/**
 * Ctrl-C, a closed terminal and `kill` all end a run the same way: the signal aborts whatever is going on, children are
 * stopped, `finally` blocks clean up, and the command exits with 128 + signal number. A second signal stops asking nicely.
 */
import { constants } from "node:os";
import { Interrupted } from "./errors.ts";

const polite = new AbortController();
const impatient = new AbortController();

/** Aborts at the first signal, with an {@link Interrupted} as reason. */
export const interruption: AbortSignal = polite.signal;

/** Aborts at the second signal: children are killed at once. */
export const impatience: AbortSignal = impatient.signal;

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Installs the handlers; `say` tells the person that the first signal was heard. */
export function watchSignals(say: (line: string) => void): void {
  const onSignal = (signal: NodeJS.Signals): void => {
    if (polite.signal.aborted) {
      impatient.abort(new Interrupted(signal));
      return;
    }
    say("Stopping… (once more to stop at once)");
    polite.abort(new Interrupted(signal));
  };
  for (const signal of signals) process.on(signal, onSignal);
}

/** Exit code of a process ended by `signal`, as shells report it. */
export function exitCodeOf(signal: NodeJS.Signals): number {
  return 128 + constants.signals[signal];
}
