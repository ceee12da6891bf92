/**
 * `npm run bench [-- name…]`: figures of this machine beside a baseline of the same run. A missed goal is printed, not
 * failed: time on a shared machine is no unit test.
 */
import Table from "cli-table3";
import { costBenchmark } from "./cost.bench.ts";
import { emulatorBenchmark } from "./emulator.bench.ts";
import { machineBenchmarks } from "./machines.bench.ts";
import { type Benchmark, withCleanup } from "./measure.ts";
import { previewBenchmark } from "./preview.bench.ts";

const benchmarks: readonly Benchmark[] = [costBenchmark, previewBenchmark, emulatorBenchmark, ...machineBenchmarks];

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !benchmarks.some((benchmark) => benchmark.name === name));
if (unknown.length > 0) {
  throw new Error(`no benchmark ${unknown.join(", ")}; there are ${benchmarks.map(({ name }) => name).join(", ")}`);
}

const table = new Table({
  head: ["what", "median", "against", "ratio", "goal", "met"],
  style: { head: [], border: [] },
});
for (const benchmark of benchmarks) {
  if (asked.length > 0 && !asked.includes(benchmark.name)) continue;
  process.stderr.write(`${benchmark.name}…\n`);
  for (const row of await withCleanup((cleanup) => benchmark.rows(cleanup))) {
    const met = row.met === null ? "" : row.met ? "yes" : "no";
    table.push([row.what, row.measured, row.baseline, row.ratio, row.goal, met]);
  }
}
console.log(table.toString());
