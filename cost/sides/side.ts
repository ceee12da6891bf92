import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { CommandError } from "../commands/io.ts";
import { commitOf, mergeBase, topOf } from "./git.ts";

/** One side of a comparison: where its stack files come from. */
export type Side =
  | { readonly kind: "commit"; readonly label: string; readonly repository: string; readonly commit: string }
  /** A checkout: has `stacks/` and may have its own code. */
  | { readonly kind: "checkout"; readonly label: string; readonly directory: string }
  /** A folder that holds stack files and nothing else. */
  | { readonly kind: "files"; readonly label: string; readonly directory: string };

/** The repository this code belongs to. */
export const ownRoot = dirname(dirname(import.meta.dirname));

const short = (commit: string): string => commit.slice(0, 7);

function directorySide(given: string): Side | null {
  const directory = resolve(given);
  if (!existsSync(directory) || !statSync(directory).isDirectory()) return null;
  const kind = existsSync(join(directory, "stacks")) ? "checkout" : "files";
  return { kind, label: given, directory };
}

/** A name that can only be a path. */
const looksLikePath = (given: string): boolean => /^(\.{0,2}\/|\.{1,2}$)/.test(given);

function namedSide(given: string, option: string, root: string): Side {
  const repository = topOf(root);
  const commit = looksLikePath(given) || repository === null ? null : commitOf(repository, given);
  if (commit !== null && repository !== null) {
    const label = commit.startsWith(given) ? short(commit) : `${given} (${short(commit)})`;
    return { kind: "commit", label, repository, commit };
  }
  const directory = directorySide(given);
  if (directory !== null) return directory;
  throw new CommandError(
    `${option}: ${given} given, it is neither a commit nor a folder; name a branch, a commit, a checkout or a folder with Pulumi.<stack>.yaml files`,
  );
}

/** The default of the older side: where the current branch left the main branch. */
function defaultBase(root: string): Side {
  const repository = topOf(root);
  const found = repository === null ? null : mergeBase(repository);
  if (repository === null || found === null) {
    throw new CommandError(
      `base: none given and no main branch to compare with; name a commit or a folder, as in "cost diff HEAD~1"`,
    );
  }
  const label = `${short(found.commit)}, where this branch left ${found.branch}`;
  return { kind: "commit", label, repository, commit: found.commit };
}

export type Sides = { readonly base: Side; readonly head: Side };

/**
 * The two sides of `cost diff [base] [head]`. Left out, the base is the merge base with the main branch and the head the
 * working tree.
 */
export function chooseSides(base: string | undefined, head: string | undefined, root: string = ownRoot): Sides {
  return {
    base: base === undefined ? defaultBase(root) : namedSide(base, "base", root),
    head:
      head === undefined ? { kind: "checkout", label: "working tree", directory: root } : namedSide(head, "head", root),
  };
}
