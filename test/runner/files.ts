/** Which test file belongs to which tier. */
import { globSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/**
 * `quick`: no engine, no machines. `engine`: the real Pulumi CLI on the local cloud. `machines`: booted servers; needs
 * Linux and root.
 */
export const tiers = ["quick", "engine", "machines"] as const;
export type Tier = (typeof tiers)[number];

/** A file's tier is its folder's; `.engine.test.ts` and `.machines.test.ts` lift single files out of a quick folder. */
export function tierOf(file: string): Tier {
  const path = file.split(sep).join("/");
  if (path.startsWith("test/machines/") || path.endsWith(".machines.test.ts")) return "machines";
  if (path.startsWith("test/engine/") || path.endsWith(".engine.test.ts")) return "engine";
  return "quick";
}

/** Test files of the repository, sorted, relative to its root; `filters` keep those that contain one of them. */
export function findTestFiles(root: string, filters: readonly string[] = []): readonly string[] {
  return globSync("**/*.test.ts", { cwd: join(root, "test") })
    .map((file) => join("test", file))
    .filter((file) => filters.length === 0 || filters.some((filter) => file.includes(filter)))
    .sort();
}

/**
 * Files of the machine tier that count seconds and lost requests, which a busy host would add to. They run before the others,
 * which fill the host.
 */
const timed: readonly string[] = ["test/machines/failover.test.ts", "test/machines/service.test.ts"];

/** Whole platforms take longest, and these the longest of them: the last file to end shall not be the one that began last. */
const longest: readonly string[] = ["test/machines/restore.test.ts", "test/machines/runbooks.test.ts"];

function rank(file: string): number {
  const path = file.split(sep).join("/");
  if (longest.includes(path)) return 0;
  return dirname(path) === "test/machines" ? 1 : 2;
}

/** Files in batches: those of a batch may run side by side, in this order, one batch after the other. */
export function batches(files: readonly string[]): readonly (readonly string[])[] {
  const first = files.filter((file) => timed.includes(file.split(sep).join("/")));
  const others = files.filter((file) => !first.includes(file));
  return [first, others.toSorted((a, b) => rank(a) - rank(b))].filter((batch) => batch.length > 0);
}
