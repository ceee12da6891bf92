/** Puts a stand-in plugin into a project-local Pulumi home, as a plain directory the engine finds without a warning. */

import { randomUUID } from "node:crypto";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, relative, resolve, sep } from "node:path";
import { shellWord } from "./shell.ts";
import { STAND_INS } from "./standIns.ts";

export type StandInInstallation = {
  /** Never the person's own home: there a stand-in could be taken for the official plugin. */
  readonly pulumiHome: string;
  readonly name: string;
  /** Must be the version of the installed npm package; the engine accepts no other. */
  readonly version: string;
  /** Node 24 or newer, absolute. */
  readonly nodePath: string;
  /** Checkout that holds `local/plugins/main.ts` and the npm packages. */
  readonly repoRoot: string;
};

/** The real path, also of a directory that does not exist yet. */
const realPath = (path: string): string => {
  const absolute = resolve(path);
  if (existsSync(absolute)) {
    return realpathSync(absolute);
  }
  const parent = resolve(absolute, "..");
  return parent === absolute ? absolute : join(realPath(parent), absolute.slice(parent.length));
};

const isInside = (path: string, directory: string): boolean => {
  const below = relative(realPath(directory), realPath(path));
  return below === "" || (below !== ".." && !below.startsWith(`..${sep}`));
};

const installedVersion = (repoRoot: string, name: string): string | undefined => {
  const manifest = join(repoRoot, "node_modules", "@pulumi", name, "package.json");
  return existsSync(manifest) ? (JSON.parse(readFileSync(manifest, "utf8")) as { version: string }).version : undefined;
};

const faultsOf = ({ pulumiHome, name, version, repoRoot }: StandInInstallation): readonly string[] => {
  const known = Object.keys(STAND_INS);
  const installed = installedVersion(repoRoot, name);
  return [
    ...(known.includes(name) ? [] : [`name: "${name}" given, stand-ins exist for ${known.join(", ")}`]),
    ...(installed === version
      ? []
      : [
          `version: ${version} given, @pulumi/${name} ${installed ?? "is not"} installed in ${repoRoot}; they must be the same`,
        ]),
    ...(isInside(pulumiHome, join(homedir(), ".pulumi"))
      ? [
          `pulumiHome: ${pulumiHome} given, a stand-in must not be put into the person's own home; use a project-local one`,
        ]
      : []),
  ];
};

/**
 * Writes `plugins/resource-<name>-v<version>/pulumi-resource-<name>`. An older stand-in at that place is replaced; an
 * official plugin is never touched.
 * @returns the path of the shim.
 * @throws with every fault of the request, or when an official plugin is installed already.
 */
export const installStandIn = async (options: StandInInstallation): Promise<{ readonly path: string }> => {
  const faults = faultsOf(options);
  if (faults.length > 0) {
    throw new Error(`stand-in plugin not installed:\n${faults.join("\n")}`);
  }
  const { name, version } = options;
  const plugins = join(resolve(options.pulumiHome), "plugins");
  const directory = join(plugins, `resource-${name}-v${version}`);
  const path = join(directory, `pulumi-resource-${name}`);
  if (existsSync(path) && readFileSync(path).subarray(0, 2).toString() !== "#!") {
    throw new Error(`${path}: the official plugin is installed; it is used instead of a stand-in`);
  }
  const main = join(resolve(options.repoRoot), "local", "plugins", "main.ts");
  const shim = [
    "#!/bin/sh",
    `# Stand-in ${name} plugin for local emulators; delete this directory to let Pulumi fetch the official one.`,
    `exec ${shellWord(resolve(options.nodePath))} ${shellWord(main)} ${shellWord(name)} "$@"`,
    "",
  ].join("\n");
  const fresh = join(plugins, `.stand-in-${name}-${randomUUID()}`);
  await mkdir(fresh, { recursive: true });
  await writeFile(join(fresh, `pulumi-resource-${name}`), shim);
  await chmod(join(fresh, `pulumi-resource-${name}`), 0o755);
  await mkdir(directory, { recursive: true });
  // Renaming the file keeps a plugin that another run is just starting intact.
  await rename(join(fresh, `pulumi-resource-${name}`), path);
  await rm(fresh, { recursive: true, force: true });
  return { path };
};
