import { styleText } from "node:util";
import { search } from "../local/context.ts";
import { pulumiHome } from "../paths.ts";
import { type Check, runChecks } from "./checks.ts";

const marks = { present: "ok", optional: "--", missing: "!!" } as const;
const colours = { present: "green", optional: "yellow", missing: "red" } as const;

/** Lines of the report; `paint` colours a mark or leaves it alone. */
export function reportLines(
  checks: readonly Check[],
  paint: (status: Check["status"], mark: string) => string,
): readonly string[] {
  const width = Math.max(...checks.map(({ name }) => name.length));
  return checks.flatMap(({ name, status, found, fix }) => {
    const line = `${paint(status, marks[status])}  ${name.padEnd(width)}  ${found}`;
    return fix === null ? [line] : [line, `${" ".repeat(width + 6)}${fix}`];
  });
}

/** Prints what is there and what is not. @returns 1 when something is missing that `local up` cannot do without. */
export async function doctor(json: boolean): Promise<number> {
  const checks = await runChecks(search, pulumiHome);
  const ok = checks.every(({ status }) => status !== "missing");
  if (json) console.log(JSON.stringify({ ok, checks }, null, 2));
  else {
    const paint = (status: Check["status"], mark: string): string =>
      styleText(colours[status], mark, { stream: process.stdout });
    console.log(reportLines(checks, paint).join("\n"));
    console.log(ok ? "\n./chitlaq local up can run here." : "\nSomething is missing that ./chitlaq local up needs.");
  }
  return ok ? 0 : 1;
}
