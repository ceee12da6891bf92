import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { parse } from "yaml";
import { instanceNamed, makeFolders, passphraseOf } from "../../cli/local/instance.ts";
import { committedStacks, requireStack, stackConfigDir, syncProject } from "../../cli/local/project.ts";
import { repoRoot } from "../../cli/paths.ts";

function checkout(t: TestContext) {
  const base = mkdtempSync(join(tmpdir(), "chitlaq project "));
  t.after(() => rmSync(base, { recursive: true, force: true }));
  const root = join(base, "repo");
  mkdirSync(join(root, "stacks"), { recursive: true });
  writeFileSync(
    join(root, "Pulumi.yaml"),
    "name: chitlaq\nruntime: nodejs\nmain: stacks/index.ts\nstackConfigDir: stacks\nbackend:\n  url: s3://real\n",
  );
  const committed = join(root, "stacks", "Pulumi.phase2.yaml");
  writeFileSync(committed, "# for people\nconfig:\n  chitlaq:a: 1\n");
  const instance = instanceNamed("default", join(base, "local"));
  makeFolders(instance);
  const local = join(stackConfigDir(instance), "Pulumi.phase2.yaml");
  return { root, committed, instance, local };
}

const read = (file: string): string => readFileSync(file, "utf8");

test("the local project runs the repository's program on stack files of its own", (t) => {
  const { root, committed, instance, local } = checkout(t);
  const before = read(committed);
  syncProject(instance, root);
  const project = parse(read(join(instance.projectDir, "Pulumi.yaml"))) as Record<string, unknown>;
  assert.deepEqual(project, {
    name: "chitlaq",
    runtime: "nodejs",
    main: join(root, "stacks", "index.ts"),
    stackConfigDir: "stacks",
  });
  assert.deepEqual(parse(read(local)), { config: { "chitlaq:a": 1 } });
  assert.equal(read(committed), before);
});

test("local settings survive the next run, a change of the committed file arrives, an emptied one empties", (t) => {
  const { root, committed, instance, local } = checkout(t);
  syncProject(instance, root);
  writeFileSync(local, "encryptionsalt: v1:local\nconfig:\n  chitlaq:a: 1\n  chitlaq:mine: 2\n");
  writeFileSync(committed, "config:\n  chitlaq:a: 7\n");
  syncProject(instance, root);
  assert.deepEqual(parse(read(local)), { encryptionsalt: "v1:local", config: { "chitlaq:a": 7, "chitlaq:mine": 2 } });
  writeFileSync(committed, "");
  syncProject(instance, root);
  assert.deepEqual(parse(read(local)), { encryptionsalt: "v1:local", config: { "chitlaq:mine": 2 } });
});

test("a run that changes nothing writes nothing", (t) => {
  const { root, instance, local } = checkout(t);
  syncProject(instance, root);
  const before = statSync(local).mtimeMs;
  syncProject(instance, root);
  assert.equal(statSync(local).mtimeMs, before);
  assert.deepEqual(readdirSync(stackConfigDir(instance)), ["Pulumi.phase2.yaml"]);
});

test("the repository's three phases are stacks; another name is refused with the ones there are", () => {
  assert.deepEqual(committedStacks(repoRoot), ["phase1", "phase2", "phase3"]);
  assert.throws(
    () => requireStack(repoRoot, "phase4"),
    (error: Error & { readonly fixes?: readonly string[] }) => {
      assert.match(error.message, /stack: "phase4" given/);
      assert.deepEqual(error.fixes, ["use one of phase1, phase2, phase3"]);
      return true;
    },
  );
});

test("an instance's name cannot lead out of its folder", () => {
  for (const name of ["../x", "a/b", "", "-a", "A", "a".repeat(32)]) {
    assert.throws(() => instanceNamed(name), /--instance/, name);
  }
});

test("the passphrase is made once, differs between instances and is readable by its owner only", (t) => {
  const { instance } = checkout(t);
  const first = passphraseOf(instance);
  assert.equal(passphraseOf(instance), first);
  assert.ok(first.length >= 32);
  assert.equal(statSync(join(instance.dir, "passphrase")).mode & 0o777, 0o600);
  assert.notEqual(passphraseOf(instanceNamed("other", join(instance.dir, ".."))), first);
});
