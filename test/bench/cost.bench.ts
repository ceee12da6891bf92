import { join } from "node:path";
import { repoRoot } from "../../cli/paths.ts";
import { type Benchmark, milliseconds, paired, processRun, times } from "./measure.ts";

/** Whole-process time of the command a person types, against an empty Node process. Goal: 0.5 s. */
export const costBenchmark: Benchmark = {
  name: "cost",
  async rows() {
    const command = (...args: string[]) => processRun(join(repoRoot, "chitlaq"), args, repoRoot);
    const empty = () => processRun(process.execPath, ["-e", "0"], repoRoot);
    const cost = await paired(5, () => command("cost", "phase3"), empty);
    return [
      {
        what: "./chitlaq cost phase3",
        measured: milliseconds(cost.a),
        baseline: `empty node process ${milliseconds(cost.b)}`,
        ratio: times(cost.ratio),
        goal: "≤ 0.5 s",
        met: cost.a <= 500,
      },
    ];
  },
};
