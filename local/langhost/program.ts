/** Command lines and environments of the three scripts of `@pulumi/pulumi` that run a program, a policy pack or a plugin. */

import { createRequire } from "node:module";
import { join } from "node:path";

/** A process to start: arguments of `process.execPath`, and variables on top of the inherited environment. */
export type Command = {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
};

/** The fields of the engine's `Run` request that the program process needs. */
export type ProgramRun = {
  readonly monitor: string;
  readonly engine: string;
  readonly project: string;
  readonly stack: string;
  readonly organization: string;
  readonly rootDirectory: string;
  readonly programDirectory: string;
  readonly entryPoint: string;
  readonly pwd: string;
  readonly dryRun: boolean;
  readonly parallel: number;
  readonly args: readonly string[];
  readonly config: Readonly<Record<string, string>>;
  readonly configSecretKeys: readonly string[];
  readonly nodeArgs: readonly string[];
};

/**
 * Path of `@pulumi/pulumi/cmd/<script>` as the directory sees it.
 * @throws when the SDK is not installed there. The wording is the one the engine looks for in order to say that the
 * dependencies of a policy pack are missing.
 */
export const sdkScript = (directory: string, script: "run" | "run-policy-pack" | "run-plugin"): string => {
  const specifier = `@pulumi/pulumi/cmd/${script}`;
  try {
    return createRequire(join(directory, "resolve-from-here.js")).resolve(specifier);
  } catch {
    throw new Error(`Cannot find module '${specifier}' from ${directory}; run npm ci in its project first`);
  }
};

/** What the program process is started with. The SDK talks to the engine's own monitor: no proxy in between. */
export const programCommand = (run: ProgramRun): Command => ({
  args: [
    ...run.nodeArgs,
    sdkScript(run.programDirectory, "run"),
    `--monitor=${run.monitor}`,
    `--engine=${run.engine}`,
    `--project=${run.project}`,
    `--organization=${run.organization}`,
    `--root-directory=${run.rootDirectory}`,
    `--stack=${run.stack}`,
    `--pwd=${run.pwd}`,
    ...(run.dryRun ? ["--dry-run"] : []),
    `--parallel=${run.parallel}`,
    run.entryPoint,
    ...run.args,
  ],
  cwd: run.programDirectory,
  env: {
    PULUMI_CONFIG: JSON.stringify(run.config),
    PULUMI_CONFIG_SECRET_KEYS: JSON.stringify(run.configSecretKeys),
    // Node strips the types itself; the SDK's own compiler would check and rewrite the program on every run.
    PULUMI_NODEJS_TYPESCRIPT: "false",
  },
});

/** Splits the `nodeargs` runtime option at white space, as the official host does. */
export const nodeArguments = (option: unknown): readonly string[] =>
  typeof option === "string" ? option.split(/\s+/).filter((part) => part !== "") : [];

/** Exit code of the SDK's scripts for "the error was already shown to the user" (its cmd/run/index.js). */
const ALREADY_REPORTED = 32;

/** What the engine is told when the program has ended. */
export type Outcome = { readonly error: string; readonly bail: boolean };

export const outcomeOf = (code: number | null, signal: NodeJS.Signals | null): Outcome => {
  if (code === 0) {
    return { error: "", bail: false };
  }
  if (code === ALREADY_REPORTED) {
    return { error: "", bail: true };
  }
  return {
    error: signal === null ? `Program exited with non-zero exit code: ${code}` : `Program was killed by ${signal}`,
    bail: false,
  };
};
