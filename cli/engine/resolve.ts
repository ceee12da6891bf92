/**
 * Finds an engine, in this order: a suitable one on PATH, one that an earlier run installed or built, the official
 * installer, a build from Go modules. What is official always wins over what is built, and nothing is downloaded or
 * built while something suitable is there.
 */
import { Fault } from "../errors.ts";
import type { Progress } from "../progress.ts";
import { buildEngine, builtEngine, findGo, standInLanguageHost } from "./build.ts";
import { installedEngine, installOfficialEngine } from "./installer.ts";
import { type EngineSearch, enginesOnPath, probeEngine, type Probed } from "./probe.ts";
import { pinnedVersion, suitableRange } from "./version.ts";

export type Engine = {
  /** Absolute path of `pulumi`. */
  readonly pulumi: string;
  readonly version: string;
  readonly origin: "path" | "installer" | "built";
  readonly languageHost: { readonly path: string; readonly official: boolean };
};

const official = (found: Probed & { readonly kind: "suitable" }, origin: "path" | "installer"): Engine => ({
  pulumi: found.pulumi,
  version: found.version,
  origin,
  languageHost: { path: found.languageHost, official: true },
});

async function built(pulumi: string, search: EngineSearch): Promise<Engine> {
  const languageHost = await standInLanguageHost(pulumi, search.repoRoot);
  return { pulumi, version: pinnedVersion, origin: "built", languageHost: { path: languageHost, official: false } };
}

export type EngineFinding = { readonly engine: Engine | undefined; readonly rejected: readonly string[] };

/** Looks without downloading or building; `rejected` names the engines that are present and will not do. */
export async function findEngine(search: EngineSearch): Promise<EngineFinding> {
  const rejected: string[] = [];
  for (const candidate of enginesOnPath(search)) {
    const probed = await probeEngine(candidate, search);
    if (probed.kind === "suitable") return { engine: official(probed, "path"), rejected };
    rejected.push(`${probed.pulumi}: ${probed.reason}`);
  }
  const installed = await installedEngine(search);
  if (installed?.kind === "suitable") return { engine: official(installed, "installer"), rejected };
  const pulumi = builtEngine(search);
  return { engine: pulumi === undefined ? undefined : await built(pulumi, search), rejected };
}

/** Finds an engine or gets one. Throws a {@link Fault} with the ways out when neither works. */
export async function resolveEngine(search: EngineSearch, progress: Progress): Promise<Engine> {
  const { engine, rejected } = await findEngine(search);
  if (engine !== undefined) return engine;
  const refusal = await progress.step("Getting Pulumi from its installer", (note) =>
    installOfficialEngine(search, note),
  );
  const installed = refusal === undefined ? await installedEngine(search) : undefined;
  if (installed?.kind === "suitable") return official(installed, "installer");
  progress.say(`  not to be had: ${refusal}`);
  const go = await findGo(search);
  if ("missing" in go) {
    throw new Fault(
      ["There is no Pulumi engine and no way to get one from here.", ...rejected, go.missing].join("\n"),
      [
        `install Pulumi (${suitableRange}): https://www.pulumi.com/docs/install`,
        "install Go 1.24 or newer: https://go.dev/doc/install, and the engine is built from its modules",
        "run once with a network that reaches https://get.pulumi.com",
      ],
    );
  }
  const pulumi = await progress.step(`Building Pulumi ${pinnedVersion} with Go ${go.version} (once, minutes)`, (note) =>
    buildEngine(go.go, search, note),
  );
  return built(pulumi, search);
}
