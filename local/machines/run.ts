import { spawn } from "node:child_process";

/** How a command ended. `code` is null when a signal ended it. */
export type Outcome = { readonly code: number | null; readonly stdout: string; readonly stderr: string };

export type RunOptions = {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** The command is killed after this many milliseconds; left out: never. */
  readonly timeoutMs?: number;
};

/** Runs a command to its end without a shell. Only a command that cannot be started rejects. */
export const run = (command: string, args: readonly string[], options: RunOptions = {}): Promise<Outcome> =>
  new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: "pipe",
      env: { ...process.env, ...options.env },
      ...(options.timeoutMs === undefined ? {} : { timeout: options.timeoutMs, killSignal: "SIGKILL" as const }),
    });
    const output = { stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      output.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output.stderr += text;
    });
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, ...output }));
    // A command that ends without reading its input breaks the pipe; its exit code tells the story.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
  });

/** Like {@link run}, but an exit code other than 0 rejects with the command and what it wrote to stderr. */
export const must = async (command: string, args: readonly string[], options: RunOptions = {}): Promise<string> => {
  const { code, stdout, stderr } = await run(command, args, options);
  if (code === 0) return stdout;
  throw new Error(
    `${[command, ...args].join(" ")} ended with ${code ?? "a signal"}: ${stderr.trim() || stdout.trim()}`,
  );
};
