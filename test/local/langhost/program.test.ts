import assert from "node:assert/strict";
import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, it } from "node:test";
import { repoRoot } from "../../../cli/paths.ts";
import { packageRoot, programDependencies, requiredPlugins } from "../../../local/langhost/packages.ts";
import { nodeArguments, outcomeOf, programCommand, sdkScript } from "../../../local/langhost/program.ts";

describe("what a program needs", () => {
  let directory = "";
  before(async () => {
    directory = await realpath(await mkdtemp(join(tmpdir(), "langhost-")));
    const files: Readonly<Record<string, object>> = {
      "package.json": {
        name: "p",
        dependencies: { "@pulumi/hcloud": "1", plain: "2" },
        devDependencies: { tool: "3" },
      },
      "node_modules/@pulumi/hcloud/package.json": {
        name: "@pulumi/hcloud",
        version: "1.41.0",
        pulumi: { resource: true, name: "hcloud" },
      },
      "node_modules/@pulumi/cloudflare/package.json": {
        name: "@pulumi/cloudflare",
        version: "6.22.1",
        pulumi: { resource: true, version: "v6.22.1", server: "https://plugins.example" },
      },
      "node_modules/@pulumi/pulumi/package.json": { name: "@pulumi/pulumi", version: "3.250.0" },
      "node_modules/plain/package.json": { name: "plain", version: "2.0.0", pulumi: { resource: false } },
      "node_modules/tool/package.json": { name: "tool", version: "3.0.0" },
      "node_modules/.cache/package.json": { name: "not-a-package", version: "1.0.0" },
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(directory, name)), { recursive: true });
      await writeFile(join(directory, name), JSON.stringify(content));
    }
    await mkdir(join(directory, "node_modules", "empty"));
    await mkdir(join(directory, "stacks", "deep"), { recursive: true });
  });
  after(() => rm(directory, { recursive: true }));

  it("are the plugins that installed packages name, seen from any directory below", () => {
    const expected = [
      { name: "cloudflare", version: "6.22.1", server: "https://plugins.example" },
      { name: "hcloud", version: "1.41.0", server: "" },
    ];
    assert.deepEqual(requiredPlugins(directory), expected);
    assert.deepEqual(requiredPlugins(join(directory, "stacks", "deep")), expected);
    assert.deepEqual(requiredPlugins("/"), []);
  });

  it("are its direct dependencies, or all that is installed", () => {
    assert.deepEqual(programDependencies(join(directory, "stacks"), false), [
      { name: "@pulumi/hcloud", version: "1.41.0" },
      { name: "plain", version: "2.0.0" },
      { name: "tool", version: "3.0.0" },
    ]);
    const all = programDependencies(directory, true).map(({ name }) => name);
    assert.deepEqual(
      new Set(all),
      new Set(["@pulumi/hcloud", "@pulumi/cloudflare", "@pulumi/pulumi", "plain", "tool"]),
    );
    assert.deepEqual(programDependencies("/", true), []);
  });

  it("belongs to the nearest manifest", () => {
    assert.equal(packageRoot(join(directory, "stacks", "deep")), directory);
    assert.equal(packageRoot("/"), "/");
  });

  it("includes the SDK, and the engine's own words when it is missing", () => {
    assert.ok(sdkScript(repoRoot, "run").endsWith("/@pulumi/pulumi/cmd/run/index.js"));
    assert.throws(() => sdkScript(directory, "run"), /Cannot find module '@pulumi\/pulumi\/cmd\/run' .*npm ci/);
  });
});

describe("running a program", () => {
  const run = {
    monitor: "127.0.0.1:1",
    engine: "127.0.0.1:2",
    project: "p",
    stack: "dev",
    organization: "o",
    rootDirectory: repoRoot,
    programDirectory: repoRoot,
    entryPoint: "index.ts",
    pwd: "/pwd",
    dryRun: true,
    parallel: 8,
    args: ["extra"],
    config: { "p:key": "value" },
    configSecretKeys: ["p:key"],
    nodeArgs: ["--enable-source-maps"],
  };

  it("hands over addresses, names and options", () => {
    const { args, cwd } = programCommand(run);
    assert.deepEqual(args, [
      "--enable-source-maps",
      sdkScript(repoRoot, "run"),
      "--monitor=127.0.0.1:1",
      "--engine=127.0.0.1:2",
      "--project=p",
      "--organization=o",
      `--root-directory=${repoRoot}`,
      "--stack=dev",
      "--pwd=/pwd",
      "--dry-run",
      "--parallel=8",
      "index.ts",
      "extra",
    ]);
    assert.equal(cwd, repoRoot);
    assert.ok(!programCommand({ ...run, dryRun: false }).args.includes("--dry-run"));
  });

  it("passes configuration in the environment only, where no other user can read it", () => {
    const { args, env } = programCommand(run);
    assert.ok(!args.join(" ").includes("value"));
    const { PULUMI_CONFIG = "", PULUMI_CONFIG_SECRET_KEYS = "" } = env;
    assert.deepEqual(JSON.parse(PULUMI_CONFIG), { "p:key": "value" });
    assert.deepEqual(JSON.parse(PULUMI_CONFIG_SECRET_KEYS), ["p:key"]);
    assert.equal(env.PULUMI_NODEJS_TYPESCRIPT, "false");
  });

  it("splits the option nodeargs", () => {
    assert.deepEqual(nodeArguments("  --a=1   --b "), ["--a=1", "--b"]);
    assert.deepEqual(nodeArguments(undefined), []);
    assert.deepEqual(nodeArguments(3), []);
  });

  it("tells the engine how it ended", () => {
    assert.deepEqual(outcomeOf(0, null), { error: "", bail: false });
    assert.deepEqual(outcomeOf(32, null), { error: "", bail: true });
    assert.deepEqual(outcomeOf(3, null), { error: "Program exited with non-zero exit code: 3", bail: false });
    assert.deepEqual(outcomeOf(null, "SIGKILL"), { error: "Program was killed by SIGKILL", bail: false });
  });
});
