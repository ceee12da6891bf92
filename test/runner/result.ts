/** What became of one test, and of a file of them. */

export type TestResult = {
  /** Names of the enclosing suites and tests, outermost first, and its own. */
  readonly path: readonly string[];
  readonly outcome: "passed" | "failed" | "skipped";
  /** Why it was skipped, or what the failure says. */
  readonly detail: string;
};

export type FileResult = {
  readonly file: string;
  readonly tests: readonly TestResult[];
  /** What the tests measured, in their words (`t.diagnostic`). */
  readonly notes: readonly string[];
  readonly seconds: number;
  /** What the file printed; shown when something failed. */
  readonly output: string;
};

export type Counts = { readonly passed: number; readonly failed: number; readonly skipped: number };

export function count(results: readonly FileResult[]): Counts {
  const of = (outcome: TestResult["outcome"]): number =>
    results.reduce((sum, { tests }) => sum + tests.filter((test) => test.outcome === outcome).length, 0);
  return { passed: of("passed"), failed: of("failed"), skipped: of("skipped") };
}

export const testName = (test: TestResult): string => test.path.join(" › ");

const indent = (text: string, by: string): string =>
  text
    .trimEnd()
    .split("\n")
    .map((line) => `${by}${line}`)
    .join("\n");

/** A line for the file and one for each figure its tests measured; the failures and the file's output when one failed. */
export function fileReport(result: FileResult): string {
  const { passed, failed, skipped } = count([result]);
  const parts = [
    `${passed} passed`,
    ...(failed > 0 ? [`${failed} failed`] : []),
    ...(skipped > 0 ? [`${skipped} skipped`] : []),
  ];
  const line = `${failed > 0 ? "FAIL" : "ok  "} ${result.file}  ${parts.join(", ")} (${result.seconds.toFixed(1)} s)`;
  const notes = result.notes.map((note) => indent(note, "       "));
  if (failed === 0) return [line, ...notes].join("\n");
  const failures = result.tests
    .filter(({ outcome }) => outcome === "failed")
    .map((test) => `  ✗ ${testName(test)}\n${indent(test.detail, "      ")}`);
  const output = result.output.trim() === "" ? [] : [`  printed:\n${indent(result.output, "      ")}`];
  return [line, ...notes, ...failures, ...output].join("\n");
}

/** Skipped tests by name and reason, failed tests by name, and the counts alone on the last line. */
export function finalReport(results: readonly FileResult[]): string {
  const lines: string[] = [];
  const list = (title: string, outcome: TestResult["outcome"], show: (test: TestResult) => string): void => {
    const found = results.flatMap(({ file, tests }) =>
      tests.filter((test) => test.outcome === outcome).map((test) => `  ${file}: ${show(test)}`),
    );
    if (found.length > 0) lines.push("", title, ...found);
  };
  list("Skipped:", "skipped", (test) => `${testName(test)} (${test.detail})`);
  list("Failed:", "failed", testName);
  const { passed, failed, skipped } = count(results);
  return [...lines, "", `${passed} passed, ${failed} failed, ${skipped} skipped`].join("\n");
}
