import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { repoRoot } from "../../cli/paths.ts";
import { type Finished, run } from "../../cli/process/run.ts";

const chitlaq = (args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> =>
  run(process.execPath, ["--disable-warning=ExperimentalWarning", join(repoRoot, "cli", "main.ts"), ...args], {
    cwd: tmpdir(),
    env: { ...process.env, ...env },
    timeoutMs: 60_000,
  });

test("--help names every verb, --version is package.json's", async () => {
  const help = await chitlaq(["--help"]);
  assert.equal(help.code, 0);
  for (const verb of ["local", "cost", "image", "loadtest", "backup", "doctor", "test"])
    assert.match(help.stdout, new RegExp(`^  ${verb}\\b`, "m"));
  const local = await chitlaq(["local", "--help"]);
  for (const verb of [
    "up",
    "down",
    "status",
    "reset",
    "pulumi",
    "env",
    "ssh",
    "logs",
    "kill",
    "start",
    "partition",
    "heal",
  ]) {
    assert.match(local.stdout, new RegExp(`^  ${verb}\\b`, "m"));
  }
  const { version } = JSON.parse(readFileSync(join(repoRoot, "package.json"), "utf8")) as { readonly version: string };
  assert.equal((await chitlaq(["--version"])).stdout, `${version}\n`);
});

test("an unknown verb, option or stack is refused on standard error with a way out", async () => {
  const verb = await chitlaq(["locale"]);
  assert.equal(verb.code, 1);
  assert.match(verb.stderr, /unknown command 'locale'[\s\S]*\.\/chitlaq --help/);
  const option = await chitlaq(["local", "status", "--jsn"]);
  assert.equal(option.code, 1);
  assert.match(option.stderr, /unknown option '--jsn'/);
  const stack = await chitlaq(["local", "up", "phase9"]);
  assert.equal(stack.code, 1);
  assert.equal(
    stack.stderr,
    'stack: "phase9" given, there is no stacks/Pulumi.phase9.yaml\n  use one of phase1, phase2, phase3\n',
  );
  const instance = await chitlaq(["local", "status", "--instance", "../x"]);
  assert.equal(instance.code, 1);
  assert.match(instance.stderr, /^--instance: "\.\.\/x" given/);
});

test("status of an instance that never ran", async () => {
  const plain = await chitlaq(["local", "status", "--instance", "never-ran"]);
  assert.deepEqual(plain.stdout.split("\n"), ["never-ran", "  cloud       not running", "  stacks      none", ""]);
  const json = await chitlaq(["local", "status", "--instance", "never-ran", "--json"]);
  assert.deepEqual(JSON.parse(json.stdout), [{ instance: "never-ran", cloud: null, machines: [], stacks: [] }]);
});

test("env, without a cloud, says how to start one and prints nothing to evaluate", async () => {
  const { code, stdout, stderr } = await chitlaq(["local", "env", "--instance", "never-ran"]);
  assert.deepEqual([code, stdout], [1, ""]);
  assert.match(stderr, /not running[\s\S]*\.\/chitlaq local up/);
});

test("cost needs neither engine nor network nor a folder of its own", async (t) => {
  const home = mkdtempSync(join(tmpdir(), "chitlaq-home-"));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const { code, stdout } = await chitlaq(["cost", "phase2", "--json"], { PATH: "", HOME: home });
  assert.equal(code, 0);
  assert.equal((JSON.parse(stdout) as { readonly stack: string }).stack, "phase2");
});

test("a closed pipe is no failure", async () => {
  const main = join(repoRoot, "cli", "main.ts");
  const pipe = `"${process.execPath}" --disable-warning=ExperimentalWarning "${main}" cost phase3 | true; echo "\${PIPESTATUS[0]}"`;
  const { stdout, stderr } = await run("bash", ["-c", pipe]);
  assert.deepEqual([stdout, stderr], ["0\n", ""]);
});
