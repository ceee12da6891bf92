/** A node:test reporter that writes a JSON line when a test begins, measures something or ends, for `run-file.ts`. */
import { inspect } from "node:util";
import type { TestEvent } from "node:test/reporters";
import type { TestResult } from "./result.ts";

type Finished = Extract<TestEvent, { readonly type: "test:pass" | "test:fail" }>;

/** Depth 5 shows the values inside an assertion's `actual`. */
const describe = (error: Error): string => inspect(error.cause ?? error, { depth: 5 });

const reason = (why: string | boolean): string => (typeof why === "string" && why !== "" ? why : "no reason given");

function resultOf({ type, data }: Finished, path: readonly string[]): TestResult | undefined {
  const { skip, todo } = data;
  if (skip !== undefined && skip !== false) return { path, outcome: "skipped", detail: reason(skip) };
  if (todo !== undefined && todo !== false) return { path, outcome: "skipped", detail: `to do: ${reason(todo)}` };
  if (type === "test:fail") {
    // A suite or a test with subtests fails with them; the subtests say why.
    const { error } = data.details;
    const inherited = (error as { readonly failureType?: string }).failureType === "subtestsFailed";
    if (inherited && data.details.type === "suite") return undefined;
    return { path, outcome: "failed", detail: inherited ? "a subtest failed" : describe(error) };
  }
  return data.details.type === "suite" ? undefined : { path, outcome: "passed", detail: "" };
}

/** Node counts a file's tests in diagnostics of its own. */
const isCount = (message: string): boolean =>
  /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(message);

// biome-ignore lint/style/noDefaultExport: node:test loads a reporter by its default export.
export default async function* report(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const path: string[] = [];
  for await (const event of source) {
    if (event.type === "test:dequeue") {
      // Sent when the test begins; `test:start` waits until it is this test's turn to be reported.
      yield `${JSON.stringify({ begun: event.data.name })}\n`;
    } else if (event.type === "test:diagnostic") {
      if (!isCount(event.data.message)) yield `${JSON.stringify({ note: event.data.message })}\n`;
    } else if (event.type === "test:start") {
      path.splice(event.data.nesting, path.length, event.data.name);
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      const own = [...path.slice(0, event.data.nesting), event.data.name];
      const result = resultOf(event, own);
      if (result !== undefined) yield `${JSON.stringify(result)}\n`;
    }
  }
}
