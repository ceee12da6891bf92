/**
 * Fills Pulumi's project-local home with the provider plugins that `package.json` asks for: the official one wherever it
 * can be had, else our stand-in. The person's own `~/.pulumi` is read, never written.
 */
import { closeSync, existsSync, openSync, readFileSync, readSync } from "node:fs";
import { cp, mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import type { Progress } from "../progress.ts";
import { run } from "../process/run.ts";
import { withIncoming } from "./incoming.ts";
import { type EngineSearch, findOnPath } from "./probe.ts";

export type PluginName = { readonly name: string; readonly version: string };
/** `missing`: there is neither an official plugin to be had nor a stand-in; the engine stops if the program needs it. */
export type Plugin = PluginName & { readonly origin: "official" | "stand-in" | "missing" };

type PackageJson = {
  readonly version: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly pulumi?: { readonly resource?: boolean; readonly name?: string; readonly version?: string };
};

const readPackage = (folder: string): PackageJson =>
  JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as PackageJson;

/** Plugins of the SDKs the repository depends on; a plugin must have exactly its SDK's version. */
export function requiredPlugins(repoRoot: string): readonly PluginName[] {
  const required: PluginName[] = [];
  for (const dependency of Object.keys(readPackage(repoRoot).dependencies ?? {})) {
    if (!dependency.startsWith("@pulumi/")) continue;
    const sdk = readPackage(join(repoRoot, "node_modules", dependency));
    if (sdk.pulumi?.resource !== true) continue;
    const name = sdk.pulumi.name ?? dependency.slice("@pulumi/".length);
    required.push({ name, version: (sdk.pulumi.version ?? sdk.version).replace(/^v/, "") });
  }
  return required;
}

const folderOf = (home: string, { name, version }: PluginName): string =>
  join(home, "plugins", `resource-${name}-v${version}`);

/** Official plugins are compiled programs, ours start with `#!`. Undefined when there is none. */
export function pluginOrigin(home: string, plugin: PluginName): "official" | "stand-in" | undefined {
  const folder = folderOf(home, plugin);
  const program = join(folder, `pulumi-resource-${plugin.name}`);
  // The engine marks a download in progress with this file and ignores the folder.
  if (!existsSync(program) || existsSync(`${folder}.partial`)) return undefined;
  const start = Buffer.alloc(2);
  const file = openSync(program, "r");
  readSync(file, start, 0, 2, 0);
  closeSync(file);
  return start.toString() === "#!" ? "stand-in" : "official";
}

/** Homes of the person, where an official plugin may already be. */
function foreignHomes(pulumiHome: string, env: EngineSearch["env"]): readonly string[] {
  const homes = [env.PULUMI_HOME, join(env.HOME || homedir(), ".pulumi")];
  return homes.filter((home) => home !== undefined && home !== "" && home !== pulumiHome) as readonly string[];
}

async function copyOfficial(from: string, pulumiHome: string, plugin: PluginName, signal: AbortSignal): Promise<void> {
  await withIncoming(join(pulumiHome, "incoming"), { onWait: () => undefined, signal }, async (incoming) => {
    const copy = join(incoming, "plugin");
    await cp(folderOf(from, plugin), copy, { recursive: true });
    const target = folderOf(pulumiHome, plugin);
    await mkdir(dirname(target), { recursive: true });
    await rm(target, { recursive: true, force: true });
    await rename(copy, target);
  });
}

const host = "https://get.pulumi.com";
const connectSeconds = 3;
const downloadSeconds = 120;

/** One quick question before the engine's own download, which would retry for ten seconds per plugin. */
async function downloadsAnswer(search: EngineSearch): Promise<boolean> {
  const curl = findOnPath("curl", search.env);
  if (curl === undefined) return false;
  const limits = ["--connect-timeout", String(connectSeconds), "--max-time", String(2 * connectSeconds)];
  return (await run(curl, ["-sS", ...limits, "-o", "/dev/null", host], search)).code === 0;
}

async function download(pulumi: string, pulumiHome: string, plugin: PluginName, search: EngineSearch): Promise<void> {
  await run(pulumi, ["plugin", "install", "resource", plugin.name, plugin.version], {
    env: { ...search.env, PULUMI_HOME: pulumiHome, PULUMI_SKIP_UPDATE_CHECK: "true" },
    timeoutMs: downloadSeconds * 1000,
    signal: search.signal,
    killSignal: search.killSignal,
  });
}

export type PluginRequest = {
  readonly pulumi: string;
  readonly pulumiHome: string;
  readonly search: EngineSearch;
  /** Writes a stand-in; rejects for a package that has none. */
  readonly installStandIn: (plugin: PluginName) => Promise<void>;
};

async function standInOrSay(plugin: PluginName, request: PluginRequest, progress: Progress): Promise<void> {
  try {
    await request.installStandIn(plugin);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    progress.say(
      `The provider plugin ${plugin.name} ${plugin.version} is neither installed nor to be downloaded, and has no stand-in (${why}).\n` +
        `  Get it where the network allows it: pulumi plugin install resource ${plugin.name} ${plugin.version}`,
    );
  }
}

/** Makes every required plugin present in `pulumiHome`, as far as it can be had, and says where each comes from. */
export async function ensurePlugins(request: PluginRequest, progress: Progress): Promise<readonly Plugin[]> {
  const { pulumiHome, search } = request;
  const required = requiredPlugins(search.repoRoot);
  for (const plugin of required) {
    if (pluginOrigin(pulumiHome, plugin) === "official") continue;
    const from = foreignHomes(pulumiHome, search.env).find((home) => pluginOrigin(home, plugin) === "official");
    if (from !== undefined) await copyOfficial(from, pulumiHome, plugin, search.signal);
  }
  const missing = required.filter((plugin) => pluginOrigin(pulumiHome, plugin) === undefined);
  if (missing.length > 0 && (await downloadsAnswer(search))) {
    for (const plugin of missing) {
      await progress.step(`Downloading the ${plugin.name} plugin ${plugin.version}`, () =>
        download(request.pulumi, pulumiHome, plugin, search),
      );
    }
  }
  // A stand-in is written anew each time: it names this Node and this checkout.
  for (const plugin of required) {
    if (pluginOrigin(pulumiHome, plugin) !== "official") await standInOrSay(plugin, request, progress);
  }
  return required.map((plugin) => ({ ...plugin, origin: pluginOrigin(pulumiHome, plugin) ?? "missing" }));
}
