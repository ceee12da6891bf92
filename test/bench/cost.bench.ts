import { cpSync } from "node:fs";
import { join } from "node:path";
import { repoRoot } from "../../cli/paths.ts";
import { run } from "../../cli/process/run.ts";
import { makeRepository } from "../cost/repository.ts";
import { startLocalCloud } from "../support/local-cloud.ts";
import { createProject } from "../support/pulumi.ts";
import { type Benchmark, type Cleanup, milliseconds, paired, processRun, type Row, times } from "./measure.ts";

const chitlaq = (...args: string[]) => processRun(join(repoRoot, "chitlaq"), args, repoRoot);
const empty = () => processRun(process.execPath, ["-e", "0"], repoRoot);

/** Whole-process time of a command, against an empty Node process. */
async function timedCommand(what: string, goalMs: number, work: () => Promise<unknown>): Promise<Row> {
  const figure = await paired(5, work, empty);
  return {
    what,
    measured: milliseconds(figure.a),
    baseline: `empty node process ${milliseconds(figure.b)}`,
    ratio: times(figure.ratio),
    goal: `≤ ${milliseconds(goalMs)}`,
    met: figure.a <= goalMs,
  };
}

/** A command a person types here. */
const command = (goalMs: number, ...args: string[]): Promise<Row> =>
  timedCommand(`./chitlaq ${args.join(" ")}`, goalMs, () => chitlaq(...args));

/**
 * Two commits whose plan code differs from each other and from the working tree, so that each side is planned by its own
 * code in a process of its own. Fails when the comparison says that it took another way.
 */
async function twoWorktrees(cleanup: Cleanup): Promise<Row> {
  const repository = makeRepository(cleanup);
  cpSync(join(repoRoot, "cli"), join(repository.directory, "cli"), { recursive: true });
  const change = (marker: string): void => repository.edit("plan/capacity.ts", (text) => `${text}// ${marker}\n`);
  const commits = ["one", "two"].map((marker) => {
    change(marker);
    return repository.commit(marker);
  });
  change("the working tree");
  const diff = (...format: readonly string[]) =>
    run(process.execPath, ["cli/main.ts", "cost", "diff", ...commits, ...format], { cwd: repository.directory });
  const { stdout, stderr, code } = await diff("--json");
  if (code !== 0) throw new Error(stderr);
  const { base, head } = JSON.parse(stdout) as Readonly<Record<"base" | "head", { readonly code: string }>>;
  if (base.code !== "own" || head.code !== "own") throw new Error(`not two worktrees: ${stdout.slice(0, 500)}`);
  return timedCommand("cost diff of all stacks, plan code of both sides its own", 2000, () => diff());
}

/** How much sooner the price of a change is known than the engine's preview of the same stack. */
async function againstPreview(cleanup: Cleanup): Promise<Row> {
  const cloud = await startLocalCloud(cleanup, { zones: [{ name: "chitlaq.com", plan: "pro" }] });
  const project = await createProject(cleanup, { cloud, program: { stack: "phase3" } });
  const preview = () => project.ok(["preview", "--stack", "phase3"]);
  const figure = await paired(3, preview, () => chitlaq("cost", "diff", "HEAD", "--stack", "phase3"));
  return {
    what: "pulumi preview, phase3",
    measured: milliseconds(figure.a),
    baseline: `cost diff of phase3 ${milliseconds(figure.b)}`,
    ratio: times(figure.ratio),
    goal: "≥ 10 ×",
    met: figure.ratio >= 10,
  };
}

export const costBenchmark: Benchmark = {
  name: "cost",
  async rows(cleanup) {
    return [
      await command(500, "cost", "phase3"),
      await command(500, "cost", "diff", "stacks", "."),
      await twoWorktrees(cleanup),
      await againstPreview(cleanup),
    ];
  },
};
