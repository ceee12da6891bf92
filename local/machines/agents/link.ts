import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { ensureGroups } from "../cgroup.ts";

/** Runs a helper's side: applies every configuration that arrives on stdin, one after the other, and ends with the pipe. */
export const serveConfigurations = <T>(apply: (configuration: T) => Promise<void>): void => {
  let last: Promise<void> = Promise.resolve();
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    last = last.then(async () => {
      const answer = await apply(JSON.parse(line) as T).then(
        () => null,
        (error: Error) => error.message,
      );
      process.stdout.write(`${JSON.stringify(answer)}\n`);
    });
  });
  lines.on("close", () => process.exit(0));
};

const here = import.meta.dirname;

/** A helper process inside a network namespace, and the pipe that configures it. It ends when this process does. */
export class Agent<T> {
  readonly #child: ChildProcess;
  readonly #answers: Interface;
  readonly #name: string;
  readonly #waiting: { readonly resolve: () => void; readonly reject: (error: Error) => void }[] = [];

  constructor(
    environment: string,
    namespace: string,
    script: string,
    args: readonly string[],
    log: (line: string) => void,
  ) {
    this.#name = script;
    const groups = ensureGroups(environment, "agents");
    this.#child = spawn(
      "sh",
      [
        join(here, "../enter.sh"),
        ...groups,
        "--",
        "nsenter",
        `--net=/run/netns/${namespace}`,
        process.execPath,
        "--no-warnings",
        join(here, script),
        ...args,
      ],
      // Its own session: a Ctrl-C of the terminal must not end it before the machines are stopped.
      { stdio: ["pipe", "pipe", "pipe"], detached: true },
    );
    const { stdout, stderr, stdin } = this.#child;
    if (stdout === null || stderr === null || stdin === null) throw new Error(`${script}: no pipes`);
    stdin.on("error", () => undefined);
    createInterface({ input: stderr }).on("line", (line) => log(`${script}: ${line}`));
    this.#answers = createInterface({ input: stdout }).on("line", (line) => this.#onAnswer(line));
    this.#child.on("exit", (code) => this.#onExit(code, log));
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** Resolves when the helper serves the configuration. */
  configure(configuration: T): Promise<void> {
    if (this.#hasEnded()) return Promise.reject(new Error(`${this.#name} is not running`));
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#child.stdin?.write(`${JSON.stringify(configuration)}\n`);
    });
  }

  async stop(): Promise<void> {
    if (this.#hasEnded()) return;
    const gone = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.stdin?.end();
    await gone;
  }

  #hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }

  #onAnswer(line: string): void {
    const waiting = this.#waiting.shift();
    const answer = JSON.parse(line) as string | null;
    if (answer === null) waiting?.resolve();
    else waiting?.reject(new Error(`${this.#name}: ${answer}`));
  }

  #onExit(code: number | null, log: (line: string) => void): void {
    this.#answers.close();
    if (code !== 0) log(`${this.#name} ended with ${code ?? "a signal"}`);
    for (const { reject } of this.#waiting.splice(0))
      reject(new Error(`${this.#name} ended with ${code ?? "a signal"}`));
  }
}
