import { join } from "node:path";
import { exitCodeOf, impatience, interruption } from "./interrupt.ts";
import { repoRoot } from "./paths.ts";
import { run } from "./process/run.ts";

/** `./chitlaq test`: the test runner in a process of its own, with the Node this command runs on. @returns its code. */
export async function runTests(args: readonly string[]): Promise<number> {
  const runner = ["--disable-warning=ExperimentalWarning", join(repoRoot, "test", "run.ts"), ...args];
  const ended = await run(process.execPath, runner, {
    cwd: repoRoot,
    stdio: "inherit",
    signal: interruption,
    killSignal: impatience,
    graceMs: 30_000,
  });
  return ended.code ?? exitCodeOf(ended.signal ?? "SIGTERM");
}
