/** What `./chitlaq doctor` looks at. Nothing is downloaded or built here. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { findGo } from "../engine/build.ts";
import { pluginOrigin, requiredPlugins } from "../engine/plugins.ts";
import { type EngineSearch, findOnPath } from "../engine/probe.ts";
import { findEngine } from "../engine/resolve.ts";
import { suitableRange } from "../engine/version.ts";
import { readAptPackages } from "./apt.ts";

export type Check = {
  /** `node`, `engine`, `plugin hcloud`, `apt machines`, … */
  readonly name: string;
  /** `missing` stops `./chitlaq local up`; `optional` only takes something away. */
  readonly status: "present" | "missing" | "optional";
  readonly found: string;
  /** How to get it; null when there is nothing to do. */
  readonly fix: string | null;
};

const present = (name: string, found: string): Check => ({ name, status: "present", found, fix: null });

const node = (): Check => present("node", `${process.version} at ${process.execPath}`);

const packages = ({ repoRoot }: EngineSearch): Check =>
  existsSync(join(repoRoot, "node_modules", ".package-lock.json"))
    ? present("packages", "node_modules holds what package-lock.json asks for")
    : { name: "packages", status: "missing", found: "no node_modules", fix: "npm ci --ignore-scripts" };

async function engine(search: EngineSearch): Promise<readonly Check[]> {
  const { engine: found, rejected } = await findEngine(search);
  if (found !== undefined) {
    const host = found.languageHost.official ? "official" : "stand-in";
    return [
      present("engine", `Pulumi ${found.version} at ${found.pulumi} (${found.origin})`),
      present("language host", `${host} at ${found.languageHost.path}`),
    ];
  }
  const go = await findGo(search);
  const why = rejected.length === 0 ? "no pulumi on PATH" : rejected.join("; ");
  if ("go" in go) {
    const fix = "the first ./chitlaq local up gets it from its installer, or builds it from Go modules in some minutes";
    return [{ name: "engine", status: "optional", found: `${why}; Go ${go.version} is there`, fix }];
  }
  const fix = `install Pulumi (${suitableRange}) or Go 1.24: https://www.pulumi.com/docs/install, https://go.dev/doc/install`;
  return [{ name: "engine", status: "missing", found: `${why}; ${go.missing}`, fix }];
}

function plugins(search: EngineSearch, pulumiHome: string): readonly Check[] {
  const own = join(search.env.HOME || homedir(), ".pulumi");
  return requiredPlugins(search.repoRoot).map((plugin) => {
    const name = `plugin ${plugin.name}`;
    const install = `pulumi plugin install resource ${plugin.name} ${plugin.version}`;
    const local = pluginOrigin(pulumiHome, plugin);
    if (local === "official" || pluginOrigin(own, plugin) === "official") {
      return present(name, `${plugin.version}, official`);
    }
    const found = local === "stand-in" ? `${plugin.version}, stand-in` : `${plugin.version}, not installed yet`;
    return { name, status: "optional", found, fix: `for the official one: ${install}` };
  });
}

function aptGroups(search: EngineSearch): readonly Check[] {
  // Servers live in sbin, which is not on everybody's PATH.
  const env = { PATH: `${search.env.PATH ?? ""}:/usr/sbin:/sbin` };
  return readAptPackages(search.repoRoot).map(({ purpose, use, packages: wanted }) => {
    const missing = wanted.filter(({ program }) => findOnPath(program, env) === undefined);
    const name = `for ${purpose}`;
    if (missing.length === 0) return present(name, use);
    const list = missing.map((entry) => entry.name).join(" ");
    const found = `${use}: ${missing.map(({ program }) => program).join(", ")} not found`;
    return { name, status: "optional", found, fix: `apt-get install --no-install-recommends ${list}` };
  });
}

async function machines(): Promise<Check> {
  const { machinesAvailable } = await import("../../local/machines/capability.ts");
  const { inotifyAdvice } = await import("../../local/machines/inotify.ts");
  const host = machinesAvailable();
  const name = "machines on this host";
  if (host.ok) {
    const advice = inotifyAdvice();
    const found = "./chitlaq local up --machines can boot servers";
    return advice === null ? present(name, found) : { name, status: "optional", found, fix: advice };
  }
  return { name, status: "optional", found: "servers answer in the APIs only", fix: host.missing.join("; ") };
}

export async function runChecks(search: EngineSearch, pulumiHome: string): Promise<readonly Check[]> {
  return [
    node(),
    packages(search),
    ...(await engine(search)),
    ...plugins(search, pulumiHome),
    ...aptGroups(search),
    await machines(),
  ];
}
