/**
 * Runs what the pull request workflow runs, in a repository of two commits, with the real engine on the local cloud. It
 * does not prove that GitHub passes the same arguments; `workflows.test.ts` compares those with the command line.
 */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { repoRoot } from "../../../cli/paths.ts";
import { prepareEngine } from "../../support/pulumi.ts";

const author = ["-c", "user.name=Test", "-c", "user.email=test@chitlaq.example", "-c", "commit.gpgsign=false"];

/** The working tree as the first commit, and a third API server with a budget it breaks as the second. */
function twoCommits(folder: string): { readonly base: string; readonly head: string } {
  const git = (...args: string[]): string =>
    execFileSync("git", [...author, ...args], { cwd: folder, encoding: "utf8" });
  const files = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: repoRoot,
  });
  execFileSync(
    "tar",
    ["--create", "--file=.tar", "--null", "--ignore-failed-read", `--directory=${repoRoot}`, "--files-from=-"],
    {
      cwd: folder,
      input: files,
      stdio: ["pipe", "ignore", "ignore"],
    },
  );
  execFileSync("tar", ["--extract", "--file=.tar"], { cwd: folder });
  rmSync(join(folder, ".tar"));
  git("init", "--quiet", "--initial-branch=main");
  git("add", "--all");
  git("commit", "--quiet", "--message=base");
  const file = join(folder, "stacks", "Pulumi.phase2.yaml");
  const change = "    api: { count: 3 }\n    billing: { budgetUsd: 700, failOverBudget: true }\n";
  writeFileSync(file, readFileSync(file, "utf8").replace("    phase: 2\n", `    phase: 2\n${change}`));
  git("commit", "--quiet", "--all", "--message=head");
  for (const name of ["node_modules", ".cache"]) symlinkSync(join(repoRoot, name), join(folder, name));
  const short = (ref: string): string => git("rev-parse", "--short=7", ref).trim();
  return { base: short("HEAD~1"), head: short("HEAD") };
}

test("the comment of a pull request is what the golden file says, byte for byte, and the gate stops it", async (t) => {
  await prepareEngine();
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-pull-request-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { base, head } = twoCommits(folder);
  const chitlaq = (...args: string[]) =>
    spawnSync(process.execPath, [join(folder, "cli", "main.ts"), ...args], { cwd: folder, encoding: "utf8" });

  const reported = chitlaq(
    "ci",
    "report",
    "--base",
    base,
    "--head",
    head,
    "--number",
    "7",
    "--output",
    "report",
    "--at",
    "2026-11-01",
  );
  assert.equal(reported.status, 0, reported.stderr);
  const comment = readFileSync(join(folder, "report", "comment.md"), "utf8");
  const golden = join(repoRoot, "test", "golden", "ci", "comment.md");
  if (process.env.UPDATE_GOLDEN === "1")
    writeFileSync(golden, comment.replaceAll(base, "{base}").replaceAll(head, "{head}"));
  assert.equal(comment, readFileSync(golden, "utf8").replaceAll("{base}", base).replaceAll("{head}", head));
  assert.match(comment, /^\| phase2 \| 2 \| 0 \| 0 \| 0 \| \d+ \|$/m, "the engine makes one component and one server");
  assert.equal(readFileSync(join(folder, "report", "number"), "utf8"), "7\n");
  assert.ok(comment.length < 65_536);

  const gate = chitlaq("ci", "gate", "--report", "report");
  assert.equal(gate.status, 3);
  assert.match(gate.stderr, /phase2 costs [\d.]+ of 700 USD a month/);
});
