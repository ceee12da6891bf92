/** `ci prices`: opens a pull request when the live price list differs from the dated one. */
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { interruption } from "../interrupt.ts";
import { repoRoot } from "../paths.ts";
import { type Finished, run } from "../process/run.ts";
import type { Progress } from "../progress.ts";

/** Exit code of `prices check` when the lists differ. */
const differs = 3;

const tool = (command: string, args: readonly string[]): Promise<Finished> =>
  run(command, args, { cwd: repoRoot, signal: interruption });

const chitlaq = (...args: string[]): Promise<Finished> =>
  tool(process.execPath, [join(repoRoot, "cli", "main.ts"), ...args]);

async function must(command: string, args: readonly string[]): Promise<string> {
  const ended = await tool(command, args);
  if (ended.code !== 0) throw new Fault(`${command} ${args[0]} failed:\n${ended.stderr.trim()}`);
  return ended.stdout.trim();
}

async function openPullRequest(branch: string, summary: string): Promise<void> {
  const author = ["-c", "user.name=prices", "-c", "user.email=prices@users.noreply.github.com"];
  await must("git", ["switch", "--create", branch]);
  await must("git", ["add", "cost/prices"]);
  await must("git", [...author, "commit", "--message", "Add Hetzner's current price list to the price book"]);
  await must("git", ["push", "--set-upstream", "origin", branch]);
  await must("gh", ["pr", "create", "--title", "Hetzner's price list has changed", "--body", summary]);
}

/** Compares, and when something differs writes the new list, pushes it as a branch named after its content, and asks for review. */
export async function renewPrices(progress: Progress): Promise<void> {
  const check = await progress.step("Comparing the price lists", () => chitlaq("prices", "check"));
  if (check.code === 0) return progress.say("The price book equals the live list.");
  if (check.code !== differs) throw new Fault(`prices check failed:\n${check.stderr.trim()}`);
  const update = await chitlaq("prices", "update");
  if (update.code !== 0) throw new Fault(`prices update failed:\n${update.stderr.trim()}`);
  const content = await must("git", ["stash", "create"]);
  const tree = await must("git", ["rev-parse", "--short=12", `${content || "HEAD"}^{tree}`]);
  const branch = `prices/${tree}`;
  // The same difference was found last week: its pull request still waits.
  if ((await must("git", ["ls-remote", "--heads", "origin", branch])) !== "") {
    return progress.say(`The branch ${branch} exists already.`);
  }
  await openPullRequest(branch, check.stdout.trim());
}
