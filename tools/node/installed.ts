/**
 * Exit code 0 when `node_modules` of the folder given holds what its `package-lock.json` asks for.
 *
 * npm writes what it installed to `node_modules/.package-lock.json`. Packages for other platforms are listed in the lock
 * file only, marked optional, so an optional package may be missing, a wrong version or an extra package may not be there.
 * Uses nothing but Node: it runs before anything is installed.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";

type Entry = { readonly version?: string; readonly integrity?: string; readonly optional?: boolean };

const packages = (file: string): Map<string, Entry> => {
  const parsed = JSON.parse(readFileSync(file, "utf8")) as { readonly packages: Readonly<Record<string, Entry>> };
  return new Map(Object.entries(parsed.packages).filter(([path]) => path !== ""));
};

const matches = (root: string): boolean => {
  const wanted = packages(join(root, "package-lock.json"));
  const present = packages(join(root, "node_modules", ".package-lock.json"));
  for (const path of present.keys()) if (!wanted.has(path)) return false;
  for (const [path, entry] of wanted) {
    const found = present.get(path);
    if (found === undefined && entry.optional !== true) return false;
    if (found !== undefined && (found.version !== entry.version || found.integrity !== entry.integrity)) return false;
  }
  return true;
};

try {
  process.exitCode = matches(process.argv[2] ?? ".") ? 0 : 1;
} catch {
  // No node_modules, or one that something other than npm made: not what the lock file asks for.
  process.exitCode = 1;
}
