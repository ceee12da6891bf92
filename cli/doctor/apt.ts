/** Reads `tools/apt-packages.txt`. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type AptPackage = { readonly name: string; readonly program: string };
export type AptGroup = { readonly purpose: string; readonly use: string; readonly packages: readonly AptPackage[] };

export function parseAptPackages(text: string): readonly AptGroup[] {
  const groups: { purpose: string; use: string; packages: AptPackage[] }[] = [];
  text.split("\n").forEach((line, index) => {
    if (line.trim() === "" || line.startsWith("#")) return;
    const [, purpose, use] = /^\[([a-z]+)\] (.+)$/.exec(line) ?? [];
    if (purpose !== undefined && use !== undefined) {
      groups.push({ purpose, use, packages: [] });
      return;
    }
    const [, name, program] = /^([a-z0-9.+-]+) ([a-z0-9.-]+)$/.exec(line) ?? [];
    const group = groups.at(-1);
    if (name === undefined || program === undefined || group === undefined) {
      throw new Error(
        `tools/apt-packages.txt:${index + 1}: ${JSON.stringify(line)}, expected "[purpose] use" or "package program"`,
      );
    }
    group.packages.push({ name, program });
  });
  return groups;
}

export const readAptPackages = (repoRoot: string): readonly AptGroup[] =>
  parseAptPackages(readFileSync(join(repoRoot, "tools", "apt-packages.txt"), "utf8"));
