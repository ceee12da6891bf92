/** Folders that fill for minutes and then appear at once. */
import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { waitForLock } from "../lock.ts";

const prefix = "incoming.";

/**
 * Runs `work` with an empty folder inside `parent`, alone among all processes, and removes the folder afterwards unless
 * `work` moved it away. What a killed run left behind is removed first.
 */
export async function withIncoming<T>(
  parent: string,
  options: { readonly onWait: () => void; readonly signal: AbortSignal },
  work: (incoming: string) => Promise<T>,
): Promise<T> {
  await mkdir(parent, { recursive: true });
  const lock = await waitForLock(join(parent, "lock"), options.onWait, options.signal);
  try {
    for (const name of await readdir(parent)) {
      if (name.startsWith(prefix)) await rm(join(parent, name), { recursive: true });
    }
    const incoming = await mkdtemp(join(parent, prefix));
    try {
      return await work(incoming);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
  } finally {
    lock.release();
  }
}
