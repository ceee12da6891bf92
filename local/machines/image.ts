import { createHash } from "node:crypto";
import { existsSync, readFileSync, statSync } from "node:fs";
import { cp, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { must } from "./run.ts";

/** `baked` has the packages of all roles installed and switched off; `stock` is what Hetzner's image brings. */
export type RootKind = "baked" | "stock";

const suite = "trixie";
const here = import.meta.dirname;
const lists = resolve(here, "../../tools/image");
const cache = resolve(here, "../../.cache/machines");
const builder = join(here, "build-root.sh");

/** Names in one of `tools/image/*.txt`: one a line, comments and empty lines left out. */
export const namesIn = (text: string): string[] =>
  text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter((line) => line !== "");

const readNames = (file: string): string[] => namesIn(readFileSync(join(lists, file), "utf8"));

const contentOf = (kind: RootKind): { readonly packages: string; readonly units: string } => {
  const baked = kind === "baked";
  return {
    packages: [...readNames("stock.txt"), ...(baked ? readNames("packages.txt") : [])].join(","),
    units: baked ? readNames("units.txt").join(" ") : "",
  };
};

const baseFolder = (kind: RootKind): string => {
  const { packages, units } = contentOf(kind);
  const hash = createHash("sha256").update([suite, packages, units, readFileSync(builder, "utf8")].join("\n"));
  return join(cache, `base-${kind}-${hash.digest("hex").slice(0, 12)}`);
};

/** Whether the base of this kind is built already, so that no `mmdebstrap` is needed. */
export const rootExists = (kind: RootKind): boolean => existsSync(baseFolder(kind));

/** Outdated bases that are kept: disks of stopped environments may stand on them. */
const keptBases = 2;

/** The folder with Debian for machines of this kind; built when it is missing, which takes about a minute and 1 GB. */
export const ensureBase = async (kind: RootKind, log: (line: string) => void): Promise<string> => {
  const base = baseFolder(kind);
  if (existsSync(base)) return base;
  log(`building the ${kind} Debian 13 image of the machines, once (about a minute, 1 GB)`);
  await mkdir(cache, { recursive: true });
  const { packages, units } = contentOf(kind);
  // Two environments may start at the same time; the second waits and finds the work done.
  await must("flock", [`${base}.lock`, "sh", builder, base, suite, packages, units]);
  await removeOutdated(`base-${kind}`, base, keptBases);
  return base;
};

/** Removes all but the newest `kept` other versions of this name, unless a machine of some environment stands on one. */
const removeOutdated = async (name: string, current: string, kept: number): Promise<void> => {
  const mounts = readFileSync("/proc/mounts", "utf8");
  const entries = (await readdir(cache)).filter(
    (entry) => entry.startsWith(`${name}-`) && /-[0-9a-f]{12}$/.test(entry),
  );
  const others = entries
    .map((entry) => join(cache, entry))
    .filter((folder) => folder !== current)
    .map((folder) => ({ folder, age: statSync(folder).mtimeMs }))
    .sort((a, b) => b.age - a.age);
  for (const { folder } of others.slice(kept)) {
    if (!mounts.includes(folder)) await rm(folder, { recursive: true, force: true });
  }
};

const filesBelow = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
};

/**
 * The layer above Debian that stands for Hetzner's hypervisor and hc-utils. A copy of `tweaks/` outside the working tree: owned
 * by root whoever owns the tree, and stable while machines run on it.
 */
export const ensureTweaks = async (): Promise<string> => {
  const source = join(here, "tweaks");
  const hash = createHash("sha256");
  for (const file of await filesBelow(source))
    hash.update(`${file.slice(source.length)}\n${readFileSync(file, "utf8")}\n`);
  const target = join(cache, `tweaks-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(target)) return target;
  const partial = `${target}.${process.pid}`;
  await mkdir(cache, { recursive: true });
  await cp(source, partial, { recursive: true });
  await must("chown", ["-R", "root:root", partial]);
  await must("chmod", ["-R", "u=rwX,go=rX", partial]);
  await rename(partial, target).catch((error: NodeJS.ErrnoException) => {
    // Another environment was faster with the same content.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    return rm(partial, { recursive: true, force: true });
  });
  await removeOutdated("tweaks", target, 0);
  return target;
};
