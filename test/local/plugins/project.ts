/** A throw-away Pulumi project with the stand-ins installed, run by the real CLI. */

import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import { tmpdir } from "node:os";
import { findEngine } from "../../../cli/engine/resolve.ts";
import { cacheDir, repoRoot } from "../../../cli/paths.ts";
import { installStandIn } from "../../../local/plugins/install.ts";
import { type LocalCloud, startCloud, TOKEN } from "./localCloud.ts";

const noSignal = new AbortController().signal;

/** The engine the repository's own commands would use; undefined before one was found or built. */
const findPulumi = async (): Promise<string | undefined> => {
  const search = { repoRoot, cacheDir, env: process.env, signal: noSignal, killSignal: noSignal };
  return (await findEngine(search)).engine?.pulumi;
};

/** Why the tests with a real engine cannot run here, or false. */
export const engineMissing = async (): Promise<string | false> =>
  (await findPulumi()) === undefined ? "no Pulumi engine here; ./chitlaq doctor tells how to get one" : false;

const versionOf = (name: string): string =>
  (
    JSON.parse(readFileSync(join(repoRoot, "node_modules", "@pulumi", name, "package.json"), "utf8")) as {
      version: string;
    }
  ).version;

export type Run = { readonly code: number; readonly output: string; readonly stdout: string };

export type Project = {
  readonly directory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Replaces the program. It may use `pulumi`, `hcloud`, `cloudflare`. */
  readonly write: (program: string) => Promise<void>;
  readonly pulumi: (...args: readonly string[]) => Promise<Run>;
  /** `pulumi up --yes --skip-preview`. */
  readonly up: (...args: readonly string[]) => Promise<Run>;
  readonly start: (...args: readonly string[]) => ChildProcess;
  readonly outputs: () => Promise<Record<string, unknown>>;
  readonly steps: (...args: readonly string[]) => Promise<readonly Step[]>;
  readonly close: () => Promise<void>;
};

/** One step of `preview --json`. */
export type Step = {
  readonly op: string;
  readonly urn: string;
  readonly name: string;
  readonly replaceReasons?: readonly string[];
  readonly diffReasons?: readonly string[];
  readonly detailedDiff?: Readonly<Record<string, { readonly kind: string }>> | null;
  readonly newState?: { readonly inputs?: Record<string, unknown> };
};

const finished = (child: ChildProcess): Promise<Run> =>
  new Promise((resolve, reject) => {
    const chunks: { readonly err: boolean; readonly text: string }[] = [];
    child.stdout?.on("data", (data: Buffer) => chunks.push({ err: false, text: data.toString() }));
    child.stderr?.on("data", (data: Buffer) => chunks.push({ err: true, text: data.toString() }));
    child.once("error", reject);
    child.once("close", (code) => {
      const stdout = chunks
        .filter(({ err }) => !err)
        .map(({ text }) => text)
        .join("");
      resolve({ code: code ?? -1, output: chunks.map(({ text }) => text).join(""), stdout });
    });
  });

const HEADER = `import * as pulumi from "@pulumi/pulumi";
import * as hcloud from "@pulumi/hcloud";
import * as cloudflare from "@pulumi/cloudflare";
`;

const prepare = async (directory: string): Promise<string> => {
  const home = join(directory, "home");
  await mkdir(join(directory, "program"), { recursive: true });
  await mkdir(join(directory, "state"));
  for (const name of ["hcloud", "cloudflare"]) {
    await installStandIn({ pulumiHome: home, name, version: versionOf(name), nodePath: process.execPath, repoRoot });
  }
  const program = join(directory, "program");
  await symlink(join(repoRoot, "node_modules"), join(program, "node_modules"));
  await writeFile(join(program, "package.json"), JSON.stringify({ name: "p", type: "module", main: "index.ts" }));
  await writeFile(
    join(program, "Pulumi.yaml"),
    "name: p\nruntime: {name: nodejs, options: {typescript: false}}\nmain: index.ts\n",
  );
  return program;
};

const environmentFor = (directory: string, cloud: LocalCloud, pulumi: string): Readonly<Record<string, string>> => ({
  PATH: [dirname(pulumi), dirname(process.execPath), "/usr/bin", "/bin"].join(delimiter),
  HOME: directory,
  PULUMI_HOME: join(directory, "home"),
  PULUMI_BACKEND_URL: `file://${join(directory, "state")}`,
  PULUMI_CONFIG_PASSPHRASE: "correct horse battery staple",
  PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true",
  PULUMI_SKIP_UPDATE_CHECK: "true",
  NODE_COMPILE_CACHE: join(cacheDir, "node-compile"),
  HCLOUD_ENDPOINT: cloud.hetzner.endpoint,
  HCLOUD_TOKEN: TOKEN,
  CLOUDFLARE_BASE_URL: cloud.cloudflare.endpoint,
  CLOUDFLARE_API_TOKEN: TOKEN,
  STAND_IN_RETRY_BASE_MS: "5",
});

/** A project with the stack `dev`, which polls actions every few milliseconds. */
export const createProject = async (
  cloud: LocalCloud,
  extra: Readonly<Record<string, string>> = {},
): Promise<Project> => {
  const engine = await findPulumi();
  if (engine === undefined) {
    throw new Error("no Pulumi engine; ask engineMissing() first");
  }
  const directory = await mkdtemp(join(tmpdir(), "stand-in-"));
  const program = await prepare(directory);
  const environment = { ...environmentFor(directory, cloud, engine), ...extra };
  const start = (...args: readonly string[]): ChildProcess =>
    spawn(engine, [...args, "--non-interactive"], {
      cwd: program,
      env: environment,
      stdio: ["ignore", "pipe", "pipe"],
    });
  const pulumi = (...args: readonly string[]): Promise<Run> => finished(start(...args));
  await writeFile(join(program, "Pulumi.dev.yaml"), "config:\n  hcloud:pollInterval: 4ms\n");
  await writeFile(join(program, "index.ts"), HEADER);
  const made = await pulumi("stack", "init", "dev");
  if (made.code !== 0) {
    throw new Error(made.output);
  }
  return {
    directory,
    environment,
    write: (source) => writeFile(join(program, "index.ts"), `${HEADER}${source}\n`),
    pulumi,
    up: (...args) => pulumi("up", "--yes", "--skip-preview", ...args),
    start,
    outputs: async () =>
      JSON.parse((await pulumi("stack", "output", "--json", "--show-secrets")).stdout) as Record<string, unknown>,
    steps: async (...args) => {
      const { code, output, stdout } = await pulumi("preview", "--json", ...args);
      if (code !== 0) {
        throw new Error(output);
      }
      const { steps } = JSON.parse(stdout) as { steps: readonly Omit<Step, "name">[] };
      return steps.map((step) => ({ ...step, name: step.urn.split("::").at(-1) ?? "" }));
    },
    close: () => rm(directory, { recursive: true, force: true }),
  };
};

export type Stage = { readonly cloud: LocalCloud; readonly project: Project; readonly close: () => Promise<void> };

/** A local cloud and a project that deploys to it. */
export const openStage = async (extra: Readonly<Record<string, string>> = {}): Promise<Stage> => {
  const cloud = await startCloud();
  try {
    const project = await createProject(cloud, extra);
    return {
      cloud,
      project,
      close: async () => {
        await project.close();
        await cloud.close();
      },
    };
  } catch (failure) {
    await cloud.close();
    throw failure;
  }
};
