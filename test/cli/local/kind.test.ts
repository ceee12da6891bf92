import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Instance, instanceNamed, makeFolders } from "../../../cli/local/instance.ts";
import { chooseKind, requireKind } from "../../../cli/local/kind.ts";
import { createProgress } from "../../../cli/progress.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";

const newInstance = (t: TestContext): Instance => {
  const root = mkdtempSync(join(tmpdir(), "chitlaq-kind-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const instance = instanceNamed("kind", root);
  makeFolders(instance);
  return instance;
};

const listen = () => {
  const lines: string[] = [];
  return { lines, progress: createProgress({ quiet: false, stream: { write: (text) => lines.push(text) } }) };
};

test("a new instance has machines where the host can, and says in one sentence why not where it cannot", async (t) => {
  const { lines, progress } = listen();
  const host = machinesAvailable();
  assert.equal(await chooseKind(newInstance(t), undefined, progress), host.ok);
  if (host.ok) assert.deepEqual(lines, []);
  else assert.match(lines.join(""), /^Servers are not booted, only the APIs answer: this host lacks .+\.\n$/);
});

test("--no-machines, and a command that only looks, leave them out", async (t) => {
  const { progress } = listen();
  assert.equal(await chooseKind(newInstance(t), false, progress), false);
  assert.equal(await chooseKind(newInstance(t), "kept", progress), false);
});

test("an instance stays what it was first started as", async (t) => {
  const { progress } = listen();
  const instance = newInstance(t);
  await chooseKind(instance, false, progress);
  assert.equal(await chooseKind(instance, undefined, progress), false);
  await assert.rejects(chooseKind(instance, true, progress), /--machines: .* runs without machines/);
});

test("a running cloud of the other kind is refused with the way out", () => {
  assert.throws(() => requireKind(true, false), /--no-machines: the servers of this local cloud are machines/);
  assert.throws(() => requireKind(false, true), /--machines: /);
  requireKind(true, undefined);
  requireKind(true, "kept");
});
