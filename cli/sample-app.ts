/**
 * The sample application as a release archive, built once per state of its sources. A stack that names no release of its
 * own runs it.
 */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "./errors.ts";
import { impatience, interruption } from "./interrupt.ts";
import { cacheDir, repoRoot } from "./paths.ts";
import { run } from "./process/run.ts";
import type { Progress } from "./progress.ts";

/** `release.json` beside the archive, as the program reads it. */
type BuiltRelease = {
  readonly path: string;
  readonly version: string;
  readonly sha256: string;
  /** Hash of the sources it was built from. */
  readonly source: string;
};

const sources = join(repoRoot, "ops", "sample-app");
const folder = join(cacheDir, "sample-app");
const record = join(folder, "release.json");

function sourceHash(): string {
  const hash = createHash("sha256");
  const files = readdirSync(sources, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.includes("node_modules"))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted((a, b) => (a < b ? -1 : 1));
  for (const file of files)
    hash
      .update(`${file.slice(sources.length)}\0`)
      .update(readFileSync(file))
      .update("\0");
  return hash.digest("hex");
}

function builtBefore(source: string): BuiltRelease | undefined {
  if (!existsSync(record)) return undefined;
  const built = JSON.parse(readFileSync(record, "utf8")) as BuiltRelease;
  return built.source === source && existsSync(built.path) ? built : undefined;
}

async function build(source: string): Promise<BuiltRelease> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, `${source.slice(0, 16)}.tar.gz`);
  // Others may build or read the same archive at this moment: they must never see half of it.
  const partial = `${path}.${process.pid}`;
  const built = await run("bash", [join(sources, "build.sh"), partial], {
    signal: interruption,
    killSignal: impatience,
  });
  const [version, sha256] = built.stdout.trim().split("\t");
  if (built.code !== 0 || version === undefined || sha256 === undefined) {
    rmSync(partial, { force: true });
    throw new Fault(`The sample application could not be built:\n${built.stderr.trim()}`, [
      "its packages come from npm: see whether `npm ping` works",
      "or name a release of your own: platform.release",
    ]);
  }
  renameSync(partial, path);
  const release: BuiltRelease = { path, version, sha256, source };
  writeFileSync(`${record}.${process.pid}`, JSON.stringify(release));
  renameSync(`${record}.${process.pid}`, record);
  return release;
}

/** Builds the archive unless it is there. */
export async function ensureSampleApp(progress: Progress): Promise<void> {
  const source = sourceHash();
  if (builtBefore(source) !== undefined) return;
  await progress.step("Building the sample application", () => build(source));
}
