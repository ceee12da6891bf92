/** Runs a command on the other side of an SSH connection. */

import type { Client, ClientChannel } from "ssh2";
import type { Job, Run } from "./client.ts";
import { connectionOf } from "./connection.ts";
import { type Printed, Recorder, type Show } from "./output.ts";
import { openShell } from "./ssh.ts";

type End = { readonly code?: number; readonly signal?: string };

/**
 * Starts the command. Its end is listened for at once: the answer to the start and the end of a quick command may come in one
 * packet, and events are not kept for listeners that come later.
 */
const start = (
  client: Client,
  { command, environment }: Job,
): Promise<{ readonly channel: ClientChannel; readonly ended: Promise<End> }> =>
  new Promise((resolve, reject) => {
    client.exec(command, { env: { ...environment } }, (failure, channel) => {
      if (failure !== undefined) {
        reject(failure);
        return;
      }
      const ended = new Promise<End>((close) => {
        let end: End = {};
        channel.once("exit", (code: number | null, signal?: string) => {
          end = code === null ? { signal: signal ?? "" } : { code };
        });
        channel.once("close", () => close(end));
      });
      resolve({ channel, ended });
    });
  });

/** Words of golang.org/x/crypto/ssh, which the official plugin shows. */
const describeEnd = (code: number | undefined, signal: string | undefined): string => {
  if (signal !== undefined) {
    return `Process exited with status ${code ?? 128} from signal ${signal.replace(/^SIG/, "")}`;
  }
  return code === undefined
    ? "wait: remote command exited without exit status or exit signal"
    : `Process exited with status ${code}`;
};

const runJob = async (client: Client, job: Job, show: Show): Promise<Printed> => {
  const { channel, ended } = await start(client, job);
  const recorder = new Recorder(job.logging, show);
  channel.setEncoding("utf8").on("data", (text: string) => recorder.add("stdout", text));
  channel.stderr.setEncoding("utf8").on("data", (text: string) => recorder.add("stderr", text));
  // A command that ends before it has read everything closes the channel; its exit status tells what happened.
  channel.on("error", () => undefined);
  channel.end(job.stdin);
  const { code, signal } = await ended;
  const printed = recorder.finish();
  if (code !== 0) {
    throw new Error(`${describeEnd(code, signal)}: running ${JSON.stringify(job.command)}:\n${printed.both}`);
  }
  return printed;
};

/** The server answers no request for a variable here, so a command of its own shows which arrived. */
const refusedVariables = async (client: Client, environment: Job["environment"]): Promise<readonly string[]> => {
  const names = Object.keys(environment);
  if (names.length === 0) {
    return [];
  }
  const probe: Job = { command: "env -0", environment, stdin: "", logging: "none" };
  const { stdout } = await runJob(client, probe, () => undefined);
  const arrived = new Set(stdout.split("\0"));
  return names.filter((name) => !arrived.has(`${name}=${environment[name]}`));
};

const previousOutput = new Set(["PULUMI_COMMAND_STDOUT", "PULUMI_COMMAND_STDERR"]);

export const runRemotely: Run = async ({ environment, signal, show }, inputs, job) => {
  const shell = await openShell(connectionOf(inputs), environment, signal);
  const stop = (): void => shell.close();
  signal.addEventListener("abort", stop);
  try {
    const refused = await refusedVariables(shell.client, job.environment);
    const wanted = refused.filter((name) => !previousOutput.has(name));
    if (wanted.length > 0) {
      throw new Error(
        `could not set environment variable ${wanted.join(", ")}: the server accepts only what its AcceptEnv names; write NAME=value before the command instead`,
      );
    }
    return await runJob(shell.client, job, show);
  } finally {
    signal.removeEventListener("abort", stop);
    shell.close();
  }
};
