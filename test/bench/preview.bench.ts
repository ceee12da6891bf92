import { startLocalCloud } from "../support/local-cloud.ts";
import { createProject } from "../support/pulumi.ts";
import { type Benchmark, milliseconds, paired, type Row, times } from "./measure.ts";

const goals: Readonly<Record<string, number>> = { phase3: 2.5 };

/** `pulumi preview` of each phase from nothing, against a program without resources, on one local cloud. */
export const previewBenchmark: Benchmark = {
  name: "preview",
  async rows(cleanup) {
    const cloud = await startLocalCloud(cleanup, { zones: [{ name: "chitlaq.com", plan: "pro" }] });
    const empty = await createProject(cleanup, { cloud, program: { source: 'import "@pulumi/pulumi";\n' } });
    const rows: Row[] = [];
    for (const stack of ["phase1", "phase2", "phase3"]) {
      const project = await createProject(cleanup, { cloud, program: { stack } });
      const previewed = (which: typeof project) => () => which.ok(["preview", "--stack", which.stack]);
      const figure = await paired(3, previewed(project), previewed(empty));
      const goal = goals[stack];
      rows.push({
        what: `pulumi preview, ${stack}`,
        measured: milliseconds(figure.a),
        baseline: `empty program ${milliseconds(figure.b)}`,
        ratio: times(figure.ratio),
        goal: goal === undefined ? "" : `≤ ${goal} ×`,
        met: goal === undefined ? null : figure.ratio <= goal,
      });
    }
    return rows;
  },
};
