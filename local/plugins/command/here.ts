/** Runs a command on this machine. */

import { spawn } from "node:child_process";
import { inputsView } from "../core/json.ts";
import type { Run } from "./client.ts";
import { Recorder } from "./output.ts";

export const runHere: Run = async ({ environment, signal, show }, inputs, job) => {
  const view = inputsView(inputs);
  const interpreter = view
    .at("interpreter")
    .list()
    .map((word) => word.string());
  const [program = "", ...args] = [...(interpreter.length > 0 ? interpreter : ["/bin/sh", "-c"]), job.command];
  const child = spawn(program, args, {
    ...(view.at("dir").present ? { cwd: view.at("dir").string() } : {}),
    env: { ...environment, ...job.environment },
    stdio: ["pipe", "pipe", "pipe"],
    signal,
  });
  const recorder = new Recorder(job.logging, show);
  child.stdout.setEncoding("utf8").on("data", (text: string) => recorder.add("stdout", text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => recorder.add("stderr", text));
  // A command need not read what it is given.
  child.stdin.on("error", () => undefined).end(job.stdin);
  const end = await new Promise<string>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, killedBy) => resolve(code === null ? `signal: ${killedBy}` : `exit status ${code}`));
  });
  const printed = recorder.finish();
  if (end !== "exit status 0") {
    throw new Error(`${end}: running ${JSON.stringify(job.command)}:\n${printed.both}`);
  }
  return printed;
};
