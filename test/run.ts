/**
 * The test command: `node test/run.ts [--tier quick|engine|machines]… [--machines] [--list] [part of a file name]…`. Without a
 * tier it runs the quick and the engine tier; `--machines` adds the machines. The last line is `N passed, N failed, N skipped`; the exit code is 0 when no test failed
 * and at least one ran.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { describeError, Fault, Interrupted } from "../cli/errors.ts";
import { exitCodeOf, interruption, watchSignals } from "../cli/interrupt.ts";
import { repoRoot } from "../cli/paths.ts";
import { createProgress, type Progress } from "../cli/progress.ts";
import { batches, findTestFiles, type Tier, tierOf, tiers } from "./runner/files.ts";
import { count, type FileResult, fileReport, finalReport } from "./runner/result.ts";
import { runFile } from "./runner/run-file.ts";

/** Seconds a file may take. Quick files take seconds; the limit is for the ones that hang. */
const limits = { quick: 180, engine: 900, machines: 3600 } as const satisfies Record<Tier, number>;

/** Files at a time. Machines mostly wait: three platforms keep two cores busy, and take about 10 GiB. */
const concurrency = { quick: availableParallelism(), engine: Math.min(2, availableParallelism()), machines: 3 };

/** Booting machines takes root and many minutes, so that tier is asked for: `--machines` or `--tier machines`. */
const usual: readonly Tier[] = ["quick", "engine"];

function chosenTiers(names: readonly string[], machines: boolean): readonly Tier[] {
  for (const name of names) {
    if (!tiers.some((tier) => tier === name)) throw new Fault(`--tier: ${name} given, use ${tiers.join(", ")}`);
  }
  const asked = names.length === 0 ? usual : names;
  return tiers.filter((tier) => asked.includes(tier) || (machines && tier === "machines"));
}

/** The engine is found, downloaded or built once, before the files that need it run side by side. */
async function prepareEngine(progress: Progress): Promise<void> {
  const { describeToolchain, prepareToolchain } = await import("../cli/local/context.ts");
  console.log(describeToolchain(await prepareToolchain(progress)));
}

/** The base image of the machines, which also holds the services' checkers for the quick tier. */
async function prepareImage(progress: Progress): Promise<void> {
  const [{ machinesAvailable }, { ensureBase }] = await Promise.all([
    import("../local/machines/capability.ts"),
    import("../local/machines/image.ts"),
  ]);
  const host = machinesAvailable();
  if (!host.ok) console.log(`No machines here, this host lacks ${host.missing.join(", ")}; their tests skip.`);
  else {
    // Without the image its tests skip by name; everything else can still be proven.
    await progress
      .step("Looking for the machines' base image", (note) => ensureBase("baked", note))
      .catch((error: unknown) => console.log(`No base image for machines; their tests skip: ${describeError(error)}`));
  }
}

/** Gets what the chosen tiers need, before the first test: what is missing would make tests of all tiers skip. */
async function prepare(needed: readonly Tier[]): Promise<void> {
  const progress = createProgress({ quiet: false, stream: process.stderr });
  // The quick tier's checkers run inside the image; alone, that tier takes the image only when it is there already.
  if (needed.some((tier) => tier !== "quick")) await prepareImage(progress);
  if (needed.some((tier) => tier !== "quick")) await prepareEngine(progress);
}

async function runTier(tier: Tier, files: readonly string[], scratch: string): Promise<readonly FileResult[]> {
  if (files.length === 0) return [];
  console.log(`\n${tier}: ${files.length} ${files.length === 1 ? "file" : "files"}`);
  const results: FileResult[] = [];
  for (const batch of batches(files)) {
    const waiting = [...batch];
    const worker = async (): Promise<void> => {
      for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
        const result = await runFile({ root: repoRoot, file, limitSeconds: limits[tier], scratch });
        results.push(result);
        console.log(fileReport(result));
      }
    };
    await Promise.all(Array.from({ length: concurrency[tier] }, worker));
  }
  return results;
}

const usage = `usage: ./chitlaq test [--tier ${tiers.join("|")}]… [--machines] [--list] [part of a file name]…`;

function readArguments() {
  const tier = { type: "string", multiple: true } as const;
  const flag = { type: "boolean" } as const;
  try {
    return parseArgs({
      options: { tier, machines: flag, list: flag, help: { ...flag, short: "h" } },
      allowPositionals: true,
    });
  } catch (error) {
    throw new Fault(error instanceof Error ? error.message : String(error), [usage]);
  }
}

async function main(): Promise<number> {
  const { values, positionals } = readArguments();
  if (values.help === true) {
    console.log(usage);
    return 0;
  }
  const chosen = chosenTiers(values.tier ?? [], values.machines === true);
  const files = findTestFiles(repoRoot, positionals);
  if (values.list === true) {
    for (const file of files) if (chosen.includes(tierOf(file))) console.log(`${tierOf(file).padEnd(8)}  ${file}`);
    return 0;
  }
  await prepare(chosen.filter((tier) => files.some((file) => tierOf(file) === tier)));
  const scratch = mkdtempSync(join(tmpdir(), "chitlaq-test-"));
  const results: FileResult[] = [];
  try {
    for (const tier of chosen) {
      results.push(
        ...(await runTier(
          tier,
          files.filter((file) => tierOf(file) === tier),
          scratch,
        )),
      );
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  console.log(finalReport(results));
  const { passed, failed } = count(results);
  return failed === 0 && passed > 0 ? 0 : 1;
}

watchSignals(() => console.error("\nEnding the test files that run…"));
try {
  process.exitCode = await main();
} catch (error) {
  const { reason } = interruption;
  const signal =
    error instanceof Interrupted ? error.signal : reason instanceof Interrupted ? reason.signal : undefined;
  if (signal === undefined) console.error(describeError(error));
  process.exitCode = signal === undefined ? 1 : exitCodeOf(signal);
}
