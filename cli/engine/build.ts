/** The engine from its Go modules: the last resort, and the only one that needs nothing but package registries. */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Note } from "../progress.ts";
import { run } from "../process/run.ts";
import { withIncoming } from "./incoming.ts";
import { type EngineSearch, findOnPath, languageHostName } from "./probe.ts";
import { pinnedVersion } from "./version.ts";

/** Older releases do not know the `tool` line of `tools/engine/go.mod`. */
const lowestGo = [1, 24] as const;

const engineModule = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi";
const versionVariable = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version";

/** Folder of the built engine: other sources or another stamp, another folder. */
export function buildDir(search: Pick<EngineSearch, "repoRoot" | "cacheDir">): string {
  const hash = createHash("sha256").update(pinnedVersion);
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(search.repoRoot, "tools", "engine", file)));
  return join(search.cacheDir, "engine", hash.digest("hex").slice(0, 16));
}

export function builtEngine(search: EngineSearch): string | undefined {
  const pulumi = join(buildDir(search), "pulumi");
  return existsSync(pulumi) ? pulumi : undefined;
}

/** @returns the `go` to build with, or why there is none. */
export async function findGo(
  search: EngineSearch,
): Promise<{ readonly go: string; readonly version: string } | { readonly missing: string }> {
  const go = findOnPath("go", search.env);
  if (go === undefined) return { missing: "Go is not on PATH" };
  const answer = await run(go, ["version"], { ...search, timeoutMs: 10_000 });
  const [, version, major, minor] = /go((\d+)\.(\d+)\S*)/.exec(answer.stdout) ?? [];
  const old = Number(major) < lowestGo[0] || (Number(major) === lowestGo[0] && Number(minor) < lowestGo[1]);
  if (version === undefined || old) return { missing: `Go ${lowestGo.join(".")} or newer is needed, found ${version}` };
  return { go, version };
}

async function compile(go: string, output: string, search: EngineSearch, note: Note): Promise<void> {
  const stamp = `-s -w -X ${versionVariable}=v${pinnedVersion}`;
  const begin = performance.now();
  const clock = setInterval(() => note(`${Math.round((performance.now() - begin) / 1000)} s`), 1000);
  try {
    const source = join(search.repoRoot, "tools", "engine");
    const built = await run(go, ["build", "-trimpath", "-ldflags", stamp, "-o", output, engineModule], {
      cwd: source,
      // A workspace or flags of the person's own would build something else than go.sum says.
      env: { ...search.env, GOFLAGS: "-mod=readonly", GOWORK: "off" },
      signal: search.signal,
      killSignal: search.killSignal,
    });
    if (built.code !== 0) throw new Error(`the engine could not be built:\n${built.stderr.trimEnd()}`);
  } finally {
    clearInterval(clock);
  }
}

/** Builds the engine into its cache folder. Two runs at once build it once. */
export async function buildEngine(go: string, search: EngineSearch, note: Note): Promise<string> {
  const target = buildDir(search);
  const waiting = { onWait: () => note("another run is building it"), signal: search.signal };
  return withIncoming(dirname(target), waiting, async (incoming) => {
    const present = builtEngine(search);
    if (present !== undefined) return present;
    await compile(go, join(incoming, "pulumi"), search, note);
    await rm(target, { recursive: true, force: true });
    await rename(incoming, target);
    return join(target, "pulumi");
  });
}

/** Puts our language host beside the built engine, where the engine finds it first. */
export async function standInLanguageHost(pulumi: string, repoRoot: string): Promise<string> {
  const { installLanguageHost } = await import("../../local/langhost/install.ts");
  const binDir = dirname(pulumi);
  await installLanguageHost({ binDir, nodePath: process.execPath, repoRoot });
  return join(binDir, languageHostName);
}
