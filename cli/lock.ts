/**
 * Locks that die with their holder.
 *
 * SQLite takes its locks from the kernel (fcntl), so one is gone the moment its process is, also after kill -9. A lock
 * file with a process id in it would have to be judged stale, and two judges can both be right.
 */
import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { pause } from "./process/pause.ts";

export type Lock = { release(): void };

const busy = 5;

/** Takes the lock or returns undefined when another process holds it. The file stays behind, empty. */
export function tryLock(file: string): Lock | undefined {
  mkdirSync(dirname(file), { recursive: true });
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    // The extended code of SQLITE_BUSY varies, its low byte does not (sqlite.org/rescode.html).
    if (((error as { readonly errcode?: number }).errcode ?? 0) % 256 === busy) return undefined;
    throw error;
  }
  return { release: () => database.close() };
}

/** Waits for the lock; `onWait` is called once when another process holds it. */
export async function waitForLock(file: string, onWait: () => void, signal: AbortSignal): Promise<Lock> {
  const first = tryLock(file);
  if (first !== undefined) return first;
  onWait();
  for (;;) {
    await pause(100, signal);
    const lock = tryLock(file);
    if (lock !== undefined) return lock;
  }
}
