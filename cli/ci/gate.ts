import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../errors.ts";

type Gate = { readonly passed: boolean; readonly failures: readonly { readonly message: string }[] };

/** `ci gate`: the exit code of a report. @returns 0, or 3 with each reason on standard error. */
export function gate(report: string): number {
  const file = join(report, "cost.json");
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    throw new Fault(`--report: ${report} given, there is no cost.json in it`, ["run ./chitlaq ci report before"]);
  }
  const { gate: result } = JSON.parse(text) as { readonly gate: Gate };
  if (result.passed) return 0;
  for (const failure of result.failures) process.stderr.write(`${failure.message}\n`);
  return 3;
}
