import { accessSync, constants, readFileSync, writeFileSync } from "node:fs";

/** Instances of inotify a user may have (inotify(7)). The user is root for all machines of the host together. */
const limitFile = "/proc/sys/fs/inotify/max_user_instances";

/** A machine takes seven, six of them 42: of the 128 that kernels start with, a third such cloud finds too few. */
const wanted = 1024;

/** What the limit is to be raised to, by what its file says; null when that is enough. */
export const raisedLimit = (text: string): number | null => (Number(text) < wanted ? wanted : null);

const look = (): number | null => {
  try {
    return raisedLimit(readFileSync(limitFile, "utf8"));
  } catch {
    // A kernel without inotify would have told before.
    return null;
  }
};

const mayRaise = (): boolean => {
  try {
    accessSync(limitFile, constants.W_OK);
    return true;
  } catch {
    return false;
  }
};

/** What the host's owner should do so that several clouds fit; null when nothing, or when {@link raiseLimit} does it. */
export const inotifyAdvice = (): string | null => {
  const limit = look();
  if (limit === null || mayRaise()) return null;
  return `for more than two clouds at once: sysctl fs.inotify.max_user_instances=${limit}, on the host itself`;
};

/** Raises the limit where this process may; never lowers it. */
export const raiseLimit = (): void => {
  const limit = look();
  if (limit !== null && mayRaise()) writeFileSync(limitFile, `${limit}\n`);
};
