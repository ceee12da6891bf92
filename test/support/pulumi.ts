/** Runs the real engine in a test: a project and a backend in a temp folder, on the local cloud, with what it printed. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { parse, stringify } from "yaml";
import { type Local, localOf, prepareToolchain, type Toolchain } from "../../cli/local/context.ts";
import { type Instance, instanceNamed, makeFolders } from "../../cli/local/instance.ts";
import { stackConfigDir, syncProject } from "../../cli/local/project.ts";
import { repoRoot } from "../../cli/paths.ts";
import type { Finished, RunOptions } from "../../cli/process/run.ts";
import { createProgress } from "../../cli/progress.ts";
import type { LocalCloud } from "./local-cloud.ts";
import { type EngineRun, parseEvents } from "./pulumi-events.ts";

let toolchain: Promise<Toolchain> | undefined;

/** Engine and plugins, found once per process. `test/run.ts` has got them before; alone, a test file gets them itself. */
export function prepareEngine(): Promise<Toolchain> {
  toolchain ??= prepareToolchain(createProgress({ quiet: false, stream: process.stderr }));
  return toolchain;
}

export type ProjectOptions = {
  readonly cloud: Pick<LocalCloud, "endpoints">;
  /**
   * `{ stack }`: the repository's own program with a copy of that committed stack file.
   * `{ source }`: text of an `index.ts`, which may import whatever the repository depends on.
   */
  readonly program: { readonly stack: string } | { readonly source: string };
  /** Merged over the stack file's config: whole values by key, and `chitlaq:platform` field by field. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Added to the environment of the engine. */
  readonly env?: Readonly<Record<string, string>>;
};

export type UpOptions = RunOptions & { readonly args?: readonly string[] };

export type PulumiProject = {
  readonly stack: string;
  readonly instance: Instance;
  /** What the steps of `cli/local` and `cli/secrets` work on. */
  readonly local: Local;
  /** The engine's environment: for a test that starts `pulumi` or `hcloud` itself. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs pulumi with `--non-interactive`, whatever comes of it. */
  run(args: readonly string[], options?: RunOptions): Promise<Finished>;
  /** Runs pulumi and fails the test with all its output unless it ends with 0. */
  ok(args: readonly string[], options?: RunOptions): Promise<Finished>;
  up(options?: UpOptions): Promise<EngineRun>;
  preview(options?: UpOptions): Promise<EngineRun>;
  refresh(options?: UpOptions): Promise<EngineRun>;
  destroy(options?: UpOptions): Promise<EngineRun>;
  outputs(options?: { readonly showSecrets?: boolean }): Promise<Readonly<Record<string, unknown>>>;
  /** `deployment` of `pulumi stack export`. */
  state(): Promise<StackState>;
  /** Merges into the stack file's config, as `config` of the options did. */
  setConfig(config: Readonly<Record<string, unknown>>): void;
};

export type StackState = {
  readonly resources?: readonly {
    readonly urn: string;
    readonly type: string;
    readonly id?: string;
    readonly protect?: boolean;
    readonly inputs?: Readonly<Record<string, unknown>>;
    readonly outputs?: Readonly<Record<string, unknown>>;
  }[];
  readonly pending_operations?: readonly { readonly type: string; readonly resource: { readonly urn: string } }[];
};

const platformKey = "chitlaq:platform";

type StackYaml = { config?: Record<string, unknown> };

function mergeConfig(file: string, config: Readonly<Record<string, unknown>>): void {
  const content = (parse(readFileSync(file, "utf8")) ?? {}) as StackYaml;
  const before = content.config ?? {};
  const merged = { ...before, ...config };
  if (config[platformKey] !== undefined) {
    merged[platformKey] = { ...(before[platformKey] as object), ...(config[platformKey] as object) };
  }
  writeFileSync(file, stringify({ ...content, config: merged }));
}

function writeProgram(instance: Instance, source: string): void {
  const dir = instance.projectDir;
  mkdirSync(stackConfigDir(instance), { recursive: true });
  symlinkSync(join(repoRoot, "node_modules"), join(dir, "node_modules"));
  writeFileSync(join(dir, "package.json"), JSON.stringify({ name: "test-program", type: "module" }));
  writeFileSync(join(dir, "index.ts"), source);
  writeFileSync(join(stackConfigDir(instance), "Pulumi.test.yaml"), stringify({ config: {} }));
  const runtime = { name: "nodejs", options: { typescript: false } };
  const project = { name: "chitlaq", runtime, main: "index.ts", stackConfigDir: "stacks" };
  writeFileSync(join(dir, "Pulumi.yaml"), stringify(project));
}

const outcome = (result: Finished): string => `exit code ${result.code}\n${result.stdout}\n${result.stderr}`;

/** Makes a project with its stack; everything is removed when the test ends. */
export async function createProject(t: Pick<TestContext, "after">, options: ProjectOptions): Promise<PulumiProject> {
  const root = mkdtempSync(join(tmpdir(), "chitlaq-project-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const instance = instanceNamed("test", root);
  makeFolders(instance);
  const { program } = options;
  const stack = "stack" in program ? program.stack : "test";
  if ("stack" in program) syncProject(instance, repoRoot);
  else writeProgram(instance, program.source);
  const stackFile = join(stackConfigDir(instance), `Pulumi.${stack}.yaml`);
  mergeConfig(stackFile, options.config ?? {});
  const local = localOf(instance, options.cloud.endpoints, await prepareEngine());
  const env = { ...local.env, ...options.env };

  const run: PulumiProject["run"] = (args, more = {}) =>
    local.pulumi([...args, "--non-interactive"], { env, timeoutMs: 300_000, ...more });
  const ok: PulumiProject["ok"] = async (args, more) => {
    const result = await run(args, more);
    if (result.code !== 0) throw new Error(`pulumi ${args.join(" ")}: ${outcome(result)}`);
    return result;
  };
  const operate = async (verb: string, flags: readonly string[], { args = [], ...more }: UpOptions = {}) =>
    parseEvents(await run([verb, "--stack", stack, "--json", ...flags, ...args], more));
  const apply = ["--yes", "--skip-preview"];
  await ok(["stack", "init", stack, "--no-select"]);
  return {
    stack,
    instance,
    local: { ...local, env, pulumi: (args, more = {}) => local.pulumi(args, { env, ...more }) },
    env,
    run,
    ok,
    up: (more) => operate("up", apply, more),
    // Without this a preview prints one document in another form.
    preview: (more) =>
      operate("preview", [], { ...more, env: { ...env, PULUMI_ENABLE_STREAMING_JSON_PREVIEW: "true" } }),
    refresh: (more) => operate("refresh", apply, more),
    destroy: (more) => operate("destroy", apply, more),
    async outputs(shown = {}) {
      const secrets = shown.showSecrets === true ? ["--show-secrets"] : [];
      return JSON.parse((await ok(["stack", "output", "--json", "--stack", stack, ...secrets])).stdout);
    },
    async state() {
      const exported = JSON.parse((await ok(["stack", "export", "--stack", stack])).stdout);
      return (exported as { readonly deployment: StackState }).deployment;
    },
    setConfig: (config) => mergeConfig(stackFile, config),
  };
}
