/** The program of the local object store: found where it was built, left out with a reason where it cannot be. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type TestContext, test } from "node:test";
import { builtObjectStore, ensureObjectStore } from "../../../cli/local/object-store.ts";
import type { EngineSearch } from "../../../cli/engine/probe.ts";
import { createProgress } from "../../../cli/progress.ts";
import { repoRoot } from "../../../cli/paths.ts";

type World = {
  readonly search: EngineSearch;
  readonly said: string[];
  readonly ensure: () => Promise<string | undefined>;
};

/** A repository of its own; `go` is a shell script that stands for the compiler. */
const worldOf = (t: TestContext, go?: string): World => {
  const root = mkdtempSync(join(tmpdir(), "object-store-"));
  t.after(() => rmSync(root, { recursive: true }));
  const bin = join(root, "bin");
  mkdirSync(bin);
  if (go !== undefined) {
    writeFileSync(join(bin, "go"), `#!/bin/sh\n${go}\n`);
    chmodSync(join(bin, "go"), 0o755);
  }
  cpSync(join(repoRoot, "tools", "object-store"), join(root, "tools", "object-store"), { recursive: true });
  const never = new AbortController().signal;
  const search = {
    repoRoot: root,
    cacheDir: join(root, "cache"),
    env: { PATH: `${bin}:/usr/bin:/bin` },
    signal: never,
    killSignal: never,
  };
  const said: string[] = [];
  const stream = { write: (text: string) => said.push(text) };
  return { search, said, ensure: () => ensureObjectStore(search, createProgress({ quiet: false, stream })) };
};

const version = '[ "$1" = version ] && echo "go version go1.26.8 linux/amd64" && exit 0';

test("it is built once from the pinned modules and then found", async (t) => {
  const world = worldOf(
    t,
    `${version}\n[ "$GOFLAGS" = -mod=readonly ] || exit 1\nwhile [ "$1" != -o ]; do shift; done\necho built >> "$2"`,
  );
  assert.equal(builtObjectStore(world.search), undefined);
  const [first, second] = await Promise.all([world.ensure(), world.ensure()]);
  assert.equal(first, second);
  assert.equal(first, builtObjectStore(world.search));
  assert.ok(first !== undefined && existsSync(first));
  writeFileSync(join(world.search.repoRoot, "tools", "object-store", "go.sum"), "other\n");
  const other = await world.ensure();
  assert.notEqual(dirname(other ?? ""), dirname(first));
});

test("without Go there is none, and one sentence says so", async (t) => {
  const world = worldOf(t, 'echo "go version go1.19 linux/amd64"');
  assert.equal(await world.ensure(), undefined);
  assert.equal(world.said.length, 1);
  assert.match(
    world.said[0] ?? "",
    /^No object store in this local cloud, so machines cannot back up: Go .* is needed/,
  );
});

test("what the compiler said is in the error, and nothing half-built is found afterwards", async (t) => {
  const world = worldOf(t, `${version}\necho "no such module" >&2\nexit 1`);
  await assert.rejects(world.ensure(), /could not be built:\nno such module/);
  assert.equal(builtObjectStore(world.search), undefined);
});
