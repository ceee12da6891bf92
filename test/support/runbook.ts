/** Commands out of the documentation, so that tests run what readers run. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../../cli/paths.ts";

export type Block = {
  /** Words after ```` ```sh ````: none for everybody, `local` for the local cloud, `hetzner` for the real one. */
  readonly place: string;
  readonly text: string;
  /** Line of the page, counted from 1. */
  readonly line: number;
};

/** The fenced `sh` blocks of a Markdown page, in order. */
export function blocksOf(markdown: string): readonly Block[] {
  const blocks: Block[] = [];
  const lines = markdown.split("\n");
  let open: { readonly place: string; readonly line: number; readonly text: string[] } | undefined;
  for (const [index, line] of lines.entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (fence === null) open?.text.push(line);
    else if (open !== undefined) {
      blocks.push({ place: open.place, line: open.line, text: open.text.join("\n") });
      open = undefined;
    } else {
      const [language, place = ""] = (fence[1] ?? "").split(" ");
      open = { place: language === "sh" ? place : "another language", line: index + 2, text: [] };
    }
  }
  return blocks.filter(({ place }) => place !== "another language");
}

/**
 * One bash script of all blocks for the place. It stops at the first command that fails, and says before each block where
 * it comes from.
 */
export function scriptOf(page: string, blocks: readonly Block[], place: "local" | "hetzner"): string {
  return blocks
    .filter((block) => block.place === "" || block.place === place)
    .map(({ line, text }) => `echo '# ${page}:${line}' >&2\n${text}`)
    .join("\n");
}

/**
 * The pages as one script for the local cloud, in the given order, so that a later page uses what an earlier one defines.
 * @param pages relative to `docs/`: `runbooks/failover.md`
 */
export function pagesScript(...pages: readonly string[]): string {
  const scripts = pages.map((page) =>
    scriptOf(page, blocksOf(readFileSync(join(repoRoot, "docs", page), "utf8")), "local"),
  );
  return ["set -Eeuo pipefail", `trap 'echo "failed: $BASH_COMMAND" >&2' ERR`, ...scripts].join("\n");
}
