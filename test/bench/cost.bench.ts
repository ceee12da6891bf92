import { join } from "node:path";
import { repoRoot } from "../../cli/paths.ts";
import { startLocalCloud } from "../support/local-cloud.ts";
import { createProject } from "../support/pulumi.ts";
import { type Benchmark, type Cleanup, milliseconds, paired, processRun, type Row, times } from "./measure.ts";

const chitlaq = (...args: string[]) => processRun(join(repoRoot, "chitlaq"), args, repoRoot);
const empty = () => processRun(process.execPath, ["-e", "0"], repoRoot);

/** Whole-process time of a command a person types, against an empty Node process. */
async function command(goalMs: number, ...args: string[]): Promise<Row> {
  const figure = await paired(5, () => chitlaq(...args), empty);
  return {
    what: `./chitlaq ${args.join(" ")}`,
    measured: milliseconds(figure.a),
    baseline: `empty node process ${milliseconds(figure.b)}`,
    ratio: times(figure.ratio),
    goal: `≤ ${milliseconds(goalMs)}`,
    met: figure.a <= goalMs,
  };
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
      await command(2000, "cost", "diff", "HEAD~1", "HEAD"),
      await againstPreview(cleanup),
    ];
  },
};
