import { execFileSync } from "node:child_process";
import { CommandError } from "../commands/io.ts";

/** Runs git in a folder. Null when git says no; a missing git is an error of its own. */
function attempt(directory: string, args: readonly string[], input?: Buffer): Buffer | null {
  try {
    return execFileSync("git", [...args], {
      cwd: directory,
      stdio: ["pipe", "pipe", "ignore"],
      maxBuffer: 1 << 30,
      ...(input === undefined ? {} : { input }),
    });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") {
      throw new CommandError("git: not found, cost diff compares commits with it; install git or name two folders");
    }
    return null;
  }
}

const line = (output: Buffer | null): string | null => output?.toString("utf8").trim() || null;

/** Top folder of the repository a folder belongs to; null outside of one. */
export const topOf = (directory: string): string | null => line(attempt(directory, ["rev-parse", "--show-toplevel"]));

/** Full id of the commit a name stands for; null when it stands for none. */
export const commitOf = (directory: string, name: string): string | null =>
  line(attempt(directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${name}^{commit}`]));

/** Names under which a main branch is known, the remote's first: a local one may be behind. */
const mainBranches = ["origin/HEAD", "origin/main", "main", "origin/master", "master"] as const;

export type MergeBase = { readonly commit: string; readonly branch: string };

/** Where the current commit left the main branch; null when there is no main branch or no common commit. */
export function mergeBase(directory: string): MergeBase | null {
  for (const branch of mainBranches) {
    if (commitOf(directory, branch) === null) continue;
    const commit = line(attempt(directory, ["merge-base", branch, "HEAD"]));
    if (commit !== null) return { commit, branch };
  }
  return null;
}

/** Paths among `paths` that differ between a commit and the working tree, files git does not know yet included. */
export function changedSince(directory: string, commit: string, paths: readonly string[]): readonly string[] {
  const known = line(attempt(directory, ["diff", "--name-only", "--no-renames", commit, "--", ...paths]));
  const unknown = line(attempt(directory, ["ls-files", "--others", "--exclude-standard", "--", ...paths]));
  return [...new Set([known, unknown].flatMap((output) => output?.split("\n") ?? []))].toSorted((a, b) =>
    a < b ? -1 : 1,
  );
}

/** Whether a commit holds a path. */
export const holds = (directory: string, commit: string, path: string): boolean =>
  attempt(directory, ["cat-file", "-e", `${commit}:${path}`]) !== null;

/** Writes the files of a commit below `target`: all of them, or those under the paths it has. */
export function extract(directory: string, commit: string, target: string, paths: readonly string[] = []): void {
  const present = paths.filter((path) => holds(directory, commit, path));
  if (paths.length > 0 && present.length === 0) return;
  const archive = attempt(directory, ["archive", "--format=tar", commit, "--", ...present]);
  if (archive === null) throw new CommandError(`git: cannot read commit ${commit}; fetch it first`);
  execFileSync("tar", ["-x", "-f", "-", "-C", target], { input: archive });
}
