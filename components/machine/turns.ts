import { setTimeout as pause } from "node:timers/promises";

/** Milliseconds a machine has to bring its services back before the next one is taken away. */
export const settleMs = 30_000;

/**
 * One machine at a time: whoever takes a turn waits until the one before has given it back, and a while longer, because a
 * machine that runs does not serve yet. After a turn that went wrong there is no other: the machines that are left go on
 * serving as they are.
 */
export class Turns {
  readonly #settleMs: number;
  #last: Promise<string | null> = Promise.resolve(null);
  #taken = false;
  readonly #ends = new Map<string, (failed: boolean) => void>();

  constructor(settle = settleMs) {
    this.#settleMs = settle;
  }

  /** @throws when the turn of another machine went wrong, naming that machine. */
  async take(machine: string): Promise<void> {
    const before = this.#last;
    const isFirst = !this.#taken;
    this.#taken = true;
    let failed: string | null = null;
    this.#last = new Promise((resolve) => {
      this.#ends.set(machine, (wrong) => resolve(failed ?? (wrong ? machine : null)));
    });
    failed = await before;
    if (failed !== null) {
      this.give(machine);
      throw new Error(
        `server ${machine}: left as it is, because the change of ${failed} went wrong; mend that one first`,
      );
    }
    if (!isFirst) await pause(this.#settleMs);
  }

  /** Gives the turn back; without one nothing happens. */
  give(machine: string, { failed = false }: { readonly failed?: boolean } = {}): void {
    this.#ends.get(machine)?.(failed);
    this.#ends.delete(machine);
  }
}
