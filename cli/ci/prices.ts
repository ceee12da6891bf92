/** `ci prices`: one pull request as long as the live price list differs from the dated one. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import { repoRoot } from "../paths.ts";
import { type Finished, run } from "../process/run.ts";
import type { Progress } from "../progress.ts";
import { branch, gitHubHost, gitLabHost, type Host } from "./request.ts";

/** Exit code of `prices check` when the lists differ. */
const differs = 3;

const book = join("cost", "prices", "data");
const author = ["-c", "user.name=prices", "-c", "user.email=prices@users.noreply.github.com"];

const tool = (command: string, args: readonly string[], cwd: string): Promise<Finished> =>
  run(command, args, { cwd, signal: interruption });

const prices = (verb: "check" | "update", folder: string): Promise<Finished> =>
  tool(process.execPath, [join(repoRoot, "cli", "main.ts"), "prices", verb, "--book", join(folder, book)], repoRoot);

async function must(command: string, args: readonly string[], cwd: string = repoRoot): Promise<string> {
  const ended = await tool(command, args, cwd);
  if (ended.code !== 0) throw new Fault(`${command} ${args.join(" ")} failed:\n${ended.stderr.trim()}`);
  return ended.stdout.trim();
}

/** What differs, as text; undefined when the lists agree. */
async function differences(folder: string): Promise<string | undefined> {
  const check = await prices("check", folder);
  if (check.code === 0) return undefined;
  if (check.code === differs) return check.stdout.trim();
  throw new Fault(`prices check failed:\n${check.stderr.trim()}`);
}

/** Checks a commit out in a folder of its own: the checkout that runs this keeps its files and its branch. */
async function withTree<T>(commit: string, work: (tree: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-prices-"));
  const tree = join(folder, "tree");
  await must("git", ["worktree", "add", "--detach", "--quiet", tree, commit]);
  try {
    return await work(tree);
  } finally {
    // Not by the interruptible tool: a worktree that stays would block the next run.
    await run("git", ["worktree", "remove", "--force", tree], { cwd: repoRoot });
    rmSync(folder, { recursive: true, force: true });
  }
}

async function commitBook(tree: string): Promise<void> {
  const update = await prices("update", tree);
  if (update.code !== 0) throw new Fault(`prices update failed:\n${update.stderr.trim()}`);
  await must("git", ["add", book], tree);
  await must("git", [...author, "commit", "--quiet", "--message", "Add Hetzner's current price list"], tree);
}

/** Adds to the open request's branch, so that a price keeps the day it was first read on. */
async function extend(host: Host, request: string, text: string, progress: Progress): Promise<void> {
  await must("git", ["fetch", "--quiet", "origin", branch]);
  await withTree("FETCH_HEAD", async (tree) => {
    if ((await differences(tree)) === undefined) return progress.say(`${request} has these prices already.`);
    await commitBook(tree);
    await must("git", ["push", "--quiet", ...host.pushOptions(text), "origin", `HEAD:refs/heads/${branch}`], tree);
    await host.update(request, text);
    progress.say(`${request} has the new prices.`);
  });
}

/** A branch without an open request was merged or refused: the new one starts from the main line. */
async function open(host: Host, text: string, progress: Progress): Promise<void> {
  await withTree("HEAD", async (tree) => {
    await commitBook(tree);
    const force = ["push", "--quiet", "--force", ...host.pushOptions(text)];
    await must("git", [...force, "origin", `HEAD:refs/heads/${branch}`], tree);
  });
  progress.say(await host.create(text));
}

/** Compares, and when something differs writes the new list to a branch and asks for its review. */
export async function renewPrices(progress: Progress): Promise<void> {
  const text = await progress.step("Comparing the price lists", () => differences(repoRoot));
  if (text === undefined) return progress.say("The price book equals the live list.");
  const host = process.env.GITLAB_CI === "true" ? gitLabHost(must) : gitHubHost(must);
  const request = await host.openRequest();
  if (request === undefined) await open(host, text, progress);
  else await extend(host, request, text, progress);
}
