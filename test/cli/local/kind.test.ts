import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Instance, instanceNamed, makeFolders } from "../../../cli/local/instance.ts";
import { apiOnlyReason, chooseKind, requireKind } from "../../../cli/local/kind.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";
import { stateFile } from "../../../local/shared/instance.ts";
import { openStore } from "../../../local/shared/store.ts";

const newInstance = (t: TestContext): Instance => {
  const root = mkdtempSync(join(tmpdir(), "chitlaq-kind-"));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  const instance = instanceNamed("kind", root);
  makeFolders(instance);
  return instance;
};

const addServer = ({ cloudDir }: Instance): void => {
  const store = openStore(stateFile(cloudDir));
  store.transaction(() => store.collection("hetzner.servers").put({ id: 1 }));
  store.close();
};

const host = machinesAvailable();

test("a new instance has machines where the host can", async (t) => {
  assert.equal(await chooseKind(newInstance(t), undefined), host.ok);
});

test("--no-machines, and a command that only looks, leave them out", async (t) => {
  assert.equal(await chooseKind(newInstance(t), false), false);
  assert.equal(await chooseKind(newInstance(t), "kept"), false);
});

test("an instance without servers is what the next start wants it to be", async (t) => {
  const instance = newInstance(t);
  await chooseKind(instance, "kept");
  assert.equal(await chooseKind(instance, undefined), host.ok);
  assert.equal(await chooseKind(instance, false), false);
});

test("a command that only looks takes an instance as it was started last", async (t) => {
  const instance = newInstance(t);
  const started = await chooseKind(instance, undefined);
  assert.equal(await chooseKind(instance, "kept"), started);
});

test("an instance with a server stays what it was started as", async (t) => {
  const instance = newInstance(t);
  await chooseKind(instance, false);
  addServer(instance);
  assert.equal(await chooseKind(instance, undefined), false);
  await assert.rejects(chooseKind(instance, true), /--machines: .* runs without machines/);
});

test("one sentence tells why servers are not booted", async (t) => {
  const why = host.ok
    ? /: this local cloud was started without machines\. To boot them: \.\/chitlaq local reset --instance kind, and up again\.$/
    : /: this host lacks .+\.$/;
  assert.match(await apiOnlyReason(newInstance(t)), why);
});

test("a running cloud of the other kind is refused with the way out", () => {
  assert.throws(() => requireKind(true, false), /--no-machines: the servers of this local cloud are machines/);
  assert.throws(() => requireKind(false, true), /--machines: /);
  requireKind(true, undefined);
  requireKind(true, "kept");
});
