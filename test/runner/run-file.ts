/** Runs one test file in a process of its own, with a limit, and clears away whatever it leaves running. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { impatience, interruption } from "../../cli/interrupt.ts";
import { type Finished, run } from "../../cli/process/run.ts";
import type { FileResult, TestResult } from "./result.ts";

export type FileRun = {
  readonly root: string;
  readonly file: string;
  readonly limitSeconds: number;
  /** Folder for the reporter's output. */
  readonly scratch: string;
};

const reporter = pathToFileURL(join(import.meta.dirname, "reporter.ts")).href;

type Note = { readonly note: string };
type Progress = TestResult | { readonly begun: string };
type Line = Progress | Note;

function readLines(file: string): readonly Line[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8").split("\n");
  // The last line is cut off when the process was killed while writing it.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as Line);
}

const isResult = (line: Line): line is TestResult => "outcome" in line;
const isNote = (line: Line): line is Note => "note" in line;

/** Faults of the file itself, which no test of it reports. */
function fileFault(ended: Finished, lines: readonly Line[], limitSeconds: number): string | undefined {
  const last = lines.filter((line): line is Progress => !isNote(line)).at(-1);
  const where =
    last === undefined
      ? "before its first test"
      : "begun" in last
        ? `in ${JSON.stringify(last.begun)}`
        : `after ${JSON.stringify(last.path.join(" › "))}`;
  if (ended.timedOut) return `was still running after ${limitSeconds} s and was ended, ${where}`;
  const results = lines.filter(isResult);
  if (results.length === 0) return `no test ended (exit code ${ended.code}, ${where})`;
  const failed = results.some(({ outcome }) => outcome === "failed");
  if (ended.code !== 0 && !failed) return `ended with ${ended.signal ?? `exit code ${ended.code}`} ${where}`;
  return undefined;
}

export async function runFile({ root, file, limitSeconds, scratch }: FileRun): Promise<FileResult> {
  const destination = join(scratch, `${file.replaceAll(/[/\\]/g, "_")}.jsonl`);
  const begin = performance.now();
  const output: string[] = [];
  const flags = ["--disable-warning=ExperimentalWarning", `--test-reporter=${reporter}`];
  const ended = await run(
    process.execPath,
    [...flags, `--test-reporter-destination=${destination}`, join(root, file)],
    {
      cwd: root,
      // Set by a `node --test` above; the file would then report in that one's way and not in ours.
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
      timeoutMs: limitSeconds * 1000,
      signal: interruption,
      killSignal: impatience,
      graceMs: 20_000,
      onLine: (line) => output.push(line),
    },
  );
  const lines = readLines(destination);
  const tests = lines.filter(isResult);
  const fault = fileFault(ended, lines, limitSeconds);
  const own: readonly TestResult[] =
    fault === undefined ? [] : [{ path: ["the file itself"], outcome: "failed", detail: fault }];
  const seconds = (performance.now() - begin) / 1000;
  const notes = lines.filter(isNote).map(({ note }) => note);
  return { file, tests: [...tests, ...own], notes, seconds, output: output.join("\n") };
}
