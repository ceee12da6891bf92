/** The local cloud as a child process of a test. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Endpoints } from "../../../local/shared/instance.ts";

const main = join(import.meta.dirname, "../../../local/main.ts");

export type Exit = { readonly code: number | null; readonly errors: string };
export type LocalCloud = {
  readonly process: ChildProcess;
  readonly endpoints: Endpoints;
  /** Resolves with the exit code and everything written to standard error. */
  readonly ended: Promise<Exit>;
};

export function launch(
  stateDir: string,
  args: readonly string[] = [],
): { process: ChildProcess; ended: Promise<Exit> } {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", main, "--state-dir", stateDir, ...args],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, errors }));
  return { process: child, ended };
}

export async function startLocalCloud(stateDir: string, args: readonly string[] = []): Promise<LocalCloud> {
  const { process: child, ended } = launch(stateDir, args);
  assert.ok(child.stdout);
  const lines = createInterface({ input: child.stdout });
  const first = await Promise.race([once(lines, "line").then(([line]) => String(line)), ended]);
  assert.ok(typeof first === "string", `did not start: ${JSON.stringify(first)}`);
  assert.match(first, /^local cloud ready: /);
  const endpoints = JSON.parse(readFileSync(join(stateDir, "endpoints.json"), "utf8")) as Endpoints;
  return { process: child, endpoints, ended };
}

export async function kill(
  cloud: { process: ChildProcess; ended: Promise<Exit> },
  signal: NodeJS.Signals,
): Promise<Exit> {
  cloud.process.kill(signal);
  return cloud.ended;
}
