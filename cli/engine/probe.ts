/** Looks for programs, without running more than `pulumi version`. */
import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { delimiter, dirname, join, sep } from "node:path";
import { run } from "../process/run.ts";
import { isSuitable, parseVersion } from "./version.ts";

export const languageHostName = "pulumi-language-nodejs";

/** What a look-up depends on; tests pass a folder and a PATH of their own. */
export type EngineSearch = {
  readonly repoRoot: string;
  readonly cacheDir: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly killSignal: AbortSignal;
};

export type Probed =
  | { readonly kind: "suitable"; readonly pulumi: string; readonly version: string; readonly languageHost: string }
  | { readonly kind: "unsuitable"; readonly pulumi: string; readonly reason: string };

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function pathFolders(env: EngineSearch["env"]): readonly string[] {
  return (env.PATH ?? "").split(delimiter).filter((folder) => folder !== "");
}

/** Every executable of that name, in the order of PATH. */
export function findAllOnPath(name: string, env: EngineSearch["env"]): readonly string[] {
  return pathFolders(env)
    .map((folder) => join(folder, name))
    .filter(isExecutable);
}

export function findOnPath(name: string, env: EngineSearch["env"]): string | undefined {
  return findAllOnPath(name, env)[0];
}

/** Asks an engine for its version and looks for its language host: beside it first, as the engine itself does. */
export async function probeEngine(pulumi: string, search: EngineSearch): Promise<Probed> {
  const answer = await run(pulumi, ["version"], {
    env: { ...search.env, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: 10_000,
    signal: search.signal,
    killSignal: search.killSignal,
  }).catch((error: unknown) => {
    search.signal.throwIfAborted();
    return { code: null, stdout: "", stderr: String(error) };
  });
  if (answer.code !== 0) return { kind: "unsuitable", pulumi, reason: "`pulumi version` does not work" };
  const version = parseVersion(answer.stdout);
  if (version === undefined) {
    return { kind: "unsuitable", pulumi, reason: "it has no version stamp, the Automation API refuses such builds" };
  }
  if (!isSuitable(version)) return { kind: "unsuitable", pulumi, reason: `version ${version} is not in the range` };
  const beside = join(dirname(realpathSync(pulumi)), languageHostName);
  const languageHost = isExecutable(beside) ? beside : findOnPath(languageHostName, search.env);
  if (languageHost === undefined) {
    return { kind: "unsuitable", pulumi, reason: `there is no ${languageHostName} beside it or on PATH` };
  }
  return { kind: "suitable", pulumi, version, languageHost };
}

/**
 * Engines on PATH in its order. Ours are left out: `local env` puts them on PATH, and they must not pass for official.
 */
export function enginesOnPath(search: EngineSearch): readonly string[] {
  return findAllOnPath("pulumi", search.env).filter(
    (path) => !realpathSync(path).startsWith(realpathSync(search.cacheDir) + sep),
  );
}
