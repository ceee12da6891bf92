/**
 * `ci report`: the comment of a pull request, as files. It needs no secret: the older side is brought up on a local cloud
 * by its own program, then the change is previewed against that.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import { type Local, withLocal } from "../local/context.ts";
import { instanceNamed, makeFolders } from "../local/instance.ts";
import { committedStacks, syncProject } from "../local/project.ts";
import { seedZone } from "../local/seed.ts";
import { ensureStack, mustRun } from "../local/stack.ts";
import { planOf } from "../local/up.ts";
import { repoRoot } from "../paths.ts";
import { type Finished, run } from "../process/run.ts";
import { stopCloud } from "../local/cloud.ts";
import type { Progress } from "../progress.ts";
import { type Preview, parsePreview, previewMarkdown } from "./preview.ts";

export type ReportOptions = {
  readonly base: string;
  readonly head: string;
  /** Number of the pull or merge request. */
  readonly number: string;
  readonly output: string;
  /** Day of the prices; left out, the newest. */
  readonly at?: string;
};

/** Longest comment GitHub takes, in characters. */
const commentLimit = 65_536;

/** Exit code of `cost diff` when a gate says no; the report is complete all the same. */
const gateSaidNo = 3;

async function git(args: readonly string[]): Promise<string> {
  const ended = await run("git", args, { cwd: repoRoot, signal: interruption });
  if (ended.code !== 0) throw new Fault(`git ${args.join(" ")} failed:\n${ended.stderr.trim()}`);
  return ended.stdout.trim();
}

async function costDiff(options: ReportOptions, ...format: readonly string[]): Promise<string> {
  const at = options.at === undefined ? [] : ["--at", options.at];
  const args = [join(repoRoot, "cli", "main.ts"), "cost", "diff", options.base, options.head, ...format, ...at];
  const ended: Finished = await run(process.execPath, args, { cwd: repoRoot, signal: interruption });
  if (ended.code !== 0 && ended.code !== gateSaidNo) throw new Fault(`cost diff failed:\n${ended.stderr.trim()}`);
  return ended.stdout;
}

/** Checks a commit out beside the repository, with its dependencies; undefined when it has no program yet. */
async function withCheckout<T>(commit: string, work: (folder: string | undefined) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-base-"));
  const tree = join(folder, "tree");
  await git(["worktree", "add", "--detach", "--quiet", tree, commit]);
  try {
    if (!existsSync(join(tree, "stacks", "index.ts"))) return await work(undefined);
    await installDependencies(tree);
    return await work(tree);
  } finally {
    await git(["worktree", "remove", "--force", tree]);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function installDependencies(tree: string): Promise<void> {
  const lock = (folder: string): string => readFileSync(join(folder, "package-lock.json"), "utf8");
  if (lock(tree) === lock(repoRoot)) {
    symlinkSync(join(repoRoot, "node_modules"), join(tree, "node_modules"));
    return;
  }
  const ended = await run("npm", ["ci", "--ignore-scripts"], { cwd: tree, signal: interruption });
  if (ended.code !== 0) throw new Fault(`npm ci of the older side failed:\n${ended.stderr.trim()}`);
}

/**
 * Brings each stack up as the older side has it, then previews the working tree against it. Every stack has a cloud of its
 * own, as it has a project and a zone of its own at the providers.
 */
function previews(base: string, progress: Progress): Promise<readonly Preview[]> {
  return withCheckout(base, async (tree) => {
    const before = tree === undefined ? [] : committedStacks(tree);
    const found: Preview[] = [];
    for (const stack of committedStacks(repoRoot)) {
      found.push(await previewAlone(stack, before.includes(stack) ? tree : undefined, progress));
    }
    return found;
  });
}

async function previewAlone(stack: string, tree: string | undefined, progress: Progress): Promise<Preview> {
  const root = mkdtempSync(join(tmpdir(), "chitlaq-report-"));
  const instance = instanceNamed("report", root);
  makeFolders(instance);
  try {
    return await withLocal(instance, progress, { machines: false }, async (local) => {
      try {
        if (tree !== undefined) {
          syncProject(instance, tree);
          await progress.step(`Bringing ${stack} up as it was`, () => bringUp(local, stack));
          syncProject(instance, repoRoot);
        }
        return await progress.step(`Previewing ${stack}`, () => preview(local, stack));
      } finally {
        await stopCloud(local.endpoints);
      }
    });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function prepare(local: Local, stack: string): Promise<void> {
  const { edge } = await planOf(local.instance, stack);
  await seedZone(local.endpoints.cloudflare, { name: edge.zone, plan: edge.plan }, interruption);
  await ensureStack(local, stack);
}

async function bringUp(local: Local, stack: string): Promise<void> {
  await prepare(local, stack);
  await mustRun(local, ["up", "--stack", stack, "--yes", "--skip-preview"], `Bringing ${stack} up as it was`);
}

async function preview(local: Local, stack: string): Promise<Preview> {
  await prepare(local, stack);
  const shown = await mustRun(local, ["preview", "--stack", stack, "--json"], `Previewing ${stack}`);
  return parsePreview(stack, shown.stdout);
}

/** Writes `comment.md`, `cost.json`, `cost.html` and `number` into the output folder. */
export async function writeReport(options: ReportOptions, progress: Progress): Promise<void> {
  if (!/^[0-9]{1,9}$/.test(options.number)) {
    throw new Fault(`--number: ${JSON.stringify(options.number)} given, it is the number of a pull request`, [
      "give digits, such as --number 42",
    ]);
  }
  const folder = resolve(options.output);
  const engine = `### What the engine would do

${previewMarkdown(await previews(options.base, progress))}

<sub>The older side was brought up on the local cloud, then this change was previewed against it.</sub>
`;
  // The engine's part is short and whole; the price part folds its sections until both fit into one comment.
  const room = String(commentLimit - engine.length - 2);
  const [markdown, json, html] = await progress.step("Pricing the change", () =>
    Promise.all([
      costDiff(options, "--markdown", "--limit", room),
      costDiff(options, "--json"),
      costDiff(options, "--html"),
    ]),
  );
  const comment = `${markdown.trimEnd()}\n\n${engine}`;
  mkdirSync(folder, { recursive: true });
  const files = { "comment.md": comment, "cost.json": json, "cost.html": html, number: `${options.number}\n` };
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
}
