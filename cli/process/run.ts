/** Runs a program to its end, in a session of its own, so that nothing it started can outlive the wait. */
import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import type { Writable } from "node:stream";
import { killSession, sessionMembers, signalProcess } from "./session.ts";

export type RunOptions = {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Left out: no limit. The session is killed when it is reached. */
  readonly timeoutMs?: number;
  /** First abort: `stopSignal` to the program, and its session is killed when it has not ended after `graceMs`. */
  readonly signal?: AbortSignal;
  /** Aborts the waiting for a polite end: the session is killed at once. */
  readonly killSignal?: AbortSignal;
  readonly stopSignal?: NodeJS.Signals;
  readonly graceMs?: number;
  /** `inherit` hands the terminal over; nothing is captured then. */
  readonly stdio?: "pipe" | "inherit";
  /** Standard input of the program, for what must not stand in its arguments. Left out: it has none. */
  readonly input?: string;
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Gets a copy of both streams. */
  readonly log?: Writable;
  readonly onStart?: (pid: number) => void;
};

export type Finished = {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly stdout: string;
  readonly stderr: string;
};

type Capture = { readonly text: () => string };

function capture(child: ChildProcess, name: "stdout" | "stderr", options: RunOptions): Capture {
  const stream = child[name];
  if (stream === null) return { text: () => "" };
  const lines: string[] = [];
  createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    lines.push(line);
    options.log?.write(`${line}\n`);
    options.onLine?.(line, name);
  });
  return { text: () => lines.map((line) => `${line}\n`).join("") };
}

/** Arms timeout and abort; the returned function disarms them. */
function guard(pid: number, options: RunOptions, onTimeout: () => void): () => void {
  let grace: NodeJS.Timeout | undefined;
  const kill = (): void => void killSession(pid);
  const stop = (): void => {
    signalProcess(pid, options.stopSignal ?? "SIGTERM");
    grace = setTimeout(kill, options.graceMs ?? 3000);
  };
  const limit =
    options.timeoutMs === undefined
      ? undefined
      : setTimeout(() => {
          onTimeout();
          kill();
        }, options.timeoutMs);
  if (options.signal?.aborted === true) stop();
  else options.signal?.addEventListener("abort", stop, { once: true });
  options.killSignal?.addEventListener("abort", kill, { once: true });
  return () => {
    clearTimeout(limit);
    clearTimeout(grace);
    options.signal?.removeEventListener("abort", stop);
    options.killSignal?.removeEventListener("abort", kill);
  };
}

/**
 * Resolves with the exit status and the captured output, whatever the status is.
 * Rejects when the program cannot be started, and with the abort reason when `signal` ended it.
 */
export async function run(command: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
  options.signal?.throwIfAborted();
  const inherit = options.stdio === "inherit";
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: options.env ?? process.env,
    detached: true,
    stdio: inherit ? "inherit" : [options.input === undefined ? "ignore" : "pipe", "pipe", "pipe"],
  });
  // A program that ends without reading it is judged by its exit status.
  child.stdin?.on("error", () => undefined).end(options.input);
  const stdout = capture(child, "stdout", options);
  const stderr = capture(child, "stderr", options);
  const { pid } = child;
  const closed = new Promise<Pick<Finished, "code" | "signal">>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
  if (pid === undefined) return { ...(await closed), timedOut: false, stdout: "", stderr: "" };
  options.onStart?.(pid);
  let timedOut = false;
  const disarm = guard(pid, options, () => {
    timedOut = true;
  });
  // A left-over that holds the pipes would keep `close` from coming.
  child.once("exit", () => {
    if (timedOut || options.signal?.aborted === true || sessionMembers(pid).length > 0) void killSession(pid);
  });
  try {
    const ended = await closed;
    options.signal?.throwIfAborted();
    return { ...ended, timedOut, stdout: stdout.text(), stderr: stderr.text() };
  } finally {
    disarm();
    await killSession(pid);
  }
}
