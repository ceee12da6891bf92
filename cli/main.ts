import { CommanderError } from "commander";
import { describeError, Interrupted } from "./errors.ts";
import { exitCodeOf, interruption, watchSignals } from "./interrupt.ts";
import { buildProgram } from "./program.ts";

const args = process.argv.slice(2);
const quiet = args.includes("--quiet") || args.includes("-q");

/** Errors of the parts this command calls that are about the person's input: their message is complete. */
const expected = new Set(["ConfigError", "PlanError", "MissingPriceError", "StackFileError", "CommandError"]);

function report(error: unknown): number {
  if (error instanceof Interrupted) return exitCodeOf(error.signal);
  if (interruption.aborted) return report(interruption.reason);
  if (error instanceof CommanderError) return error.exitCode;
  const known = error instanceof Error && expected.has(error.name);
  process.stderr.write(`${known ? error.message : describeError(error)}\n`);
  return 1;
}

watchSignals((line) => {
  if (!quiet) process.stderr.write(`\n${line}\n`);
});
// `./chitlaq cost | head` closes the pipe early; that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  const program = await buildProgram(args);
  await program.parseAsync(args, { from: "user" });
} catch (error) {
  process.exitCode = report(error);
}
