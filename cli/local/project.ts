/**
 * The Pulumi project of a local run: a folder of its own whose `main` is the repository's program.
 *
 * `--config-file` would cover previews and updates only; `stack init` writes the salt into the stack file and `stack rm`
 * deletes it, whatever that option says. In a folder of its own every command of the real CLI is safe.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { parse, stringify } from "yaml";
import { Fault } from "../errors.ts";
import type { Instance } from "./instance.ts";
import { mergeStackFile, type StackFile } from "./stack-file.ts";

type Project = { readonly main?: string; readonly stackConfigDir?: string; readonly [key: string]: unknown };

const stackFilePattern = /^Pulumi\.([^.]+)\.yaml$/;

const readYaml = <T>(file: string): T => parse(readFileSync(file, "utf8")) as T;

/** A crash while writing must not leave half a file. */
function writeWhole(file: string, text: string): void {
  if (existsSync(file) && readFileSync(file, "utf8") === text) return;
  const fresh = `${file}.${process.pid}`;
  writeFileSync(fresh, text);
  renameSync(fresh, file);
}

const readProject = (repoRoot: string): Project => readYaml<Project>(join(repoRoot, "Pulumi.yaml"));

const committedDir = (repoRoot: string): string => join(repoRoot, readProject(repoRoot).stackConfigDir ?? ".");

/** Stacks that the repository has a committed file for, sorted. */
export function committedStacks(repoRoot: string): readonly string[] {
  return readdirSync(committedDir(repoRoot))
    .flatMap((name) => stackFilePattern.exec(name)?.[1] ?? [])
    .sort();
}

/** Throws a {@link Fault} that names the stacks there are. */
export function requireStack(repoRoot: string, stack: string): void {
  const stacks = committedStacks(repoRoot);
  if (!stacks.includes(stack)) {
    throw new Fault(`stack: ${JSON.stringify(stack)} given, there is no stacks/Pulumi.${stack}.yaml`, [
      `use one of ${stacks.join(", ")}`,
    ]);
  }
}

/** Folder of the instance's own stack files. */
export const stackConfigDir = (instance: Instance): string => join(instance.projectDir, "stacks");

function syncStack(name: string, from: string, to: string, lastSeen: string): void {
  const read = (folder: string): StackFile | undefined => {
    const file = join(folder, name);
    // An empty YAML document parses to null.
    return existsSync(file) ? (readYaml<StackFile | null>(file) ?? {}) : undefined;
  };
  const merged = mergeStackFile(read(from) ?? {}, read(lastSeen), read(to));
  writeWhole(join(to, name), stringify(merged));
  writeWhole(join(lastSeen, name), readFileSync(join(from, name), "utf8"));
}

/** Brings the local project up to date with the repository. Keeps what local runs wrote into their own stack files. */
export function syncProject(instance: Instance, repoRoot: string): void {
  const { backend: _backend, ...project } = readProject(repoRoot);
  const stacks = stackConfigDir(instance);
  const lastSeen = join(instance.dir, "committed");
  for (const folder of [stacks, lastSeen]) mkdirSync(folder, { recursive: true });
  const main = resolve(repoRoot, project.main ?? "index.ts");
  writeWhole(join(instance.projectDir, "Pulumi.yaml"), stringify({ ...project, main, stackConfigDir: "stacks" }));
  for (const stack of committedStacks(repoRoot)) {
    syncStack(`Pulumi.${stack}.yaml`, committedDir(repoRoot), stacks, lastSeen);
  }
}
