/** What the engine wants to know about a Node project: which resource plugins it needs and which packages it depends on. */

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

type Manifest = {
  readonly name?: string;
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly pulumi?: {
    readonly resource?: boolean;
    readonly name?: string;
    readonly version?: string;
    readonly server?: string;
  };
};

/** A resource plugin named by an installed npm package (`pulumi.resource` in its manifest). */
export type RequiredPlugin = { readonly name: string; readonly version: string; readonly server: string };
export type Dependency = { readonly name: string; readonly version: string };

const readManifest = (directory: string): Manifest | undefined => {
  const path = join(directory, "package.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Manifest) : undefined;
};

/** The directory itself or the nearest parent that holds `name`; undefined at the root of the file system. */
const nearest = (directory: string, name: string): string | undefined => {
  if (existsSync(join(directory, name))) {
    return directory;
  }
  const parent = dirname(directory);
  return parent === directory ? undefined : nearest(parent, name);
};

const packageDirectories = (modules: string): readonly string[] =>
  readdirSync(modules).flatMap((entry) => {
    if (entry.startsWith(".")) {
      return [];
    }
    const path = join(modules, entry);
    return entry.startsWith("@") ? readdirSync(path).map((scoped) => join(path, scoped)) : [path];
  });

const pluginOf = (manifest: Manifest): RequiredPlugin | undefined => {
  const { pulumi } = manifest;
  const version = pulumi?.version ?? manifest.version;
  const name = pulumi?.name ?? manifest.name?.replace(/^@pulumi\//, "");
  if (pulumi?.resource !== true || name === undefined || version === undefined) {
    return undefined;
  }
  return { name, version: version.replace(/^v/, ""), server: pulumi.server ?? "" };
};

/** The plugins of every package installed for the program, sorted by name; empty before the packages are installed. */
export const requiredPlugins = (programDirectory: string): readonly RequiredPlugin[] => {
  const root = nearest(programDirectory, "node_modules");
  if (root === undefined) {
    return [];
  }
  return packageDirectories(join(root, "node_modules"))
    .flatMap((directory) => {
      const manifest = readManifest(directory);
      const plugin = manifest === undefined ? undefined : pluginOf(manifest);
      return plugin === undefined ? [] : [plugin];
    })
    .sort((a, b) => a.name.localeCompare(b.name));
};

/** Direct dependencies with their installed versions; with `transitive`, every package that is installed. */
export const programDependencies = (programDirectory: string, transitive: boolean): readonly Dependency[] => {
  const root = nearest(programDirectory, "package.json");
  const manifest = root === undefined ? undefined : readManifest(root);
  if (root === undefined || manifest === undefined) {
    return [];
  }
  const modules = join(root, "node_modules");
  if (!existsSync(modules)) {
    return [];
  }
  const direct = new Set(Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }));
  return packageDirectories(modules).flatMap((directory) => {
    const { name, version } = readManifest(directory) ?? {};
    return name !== undefined && version !== undefined && (transitive || direct.has(name)) ? [{ name, version }] : [];
  });
};

/** The directory the packages of a program belong to: where its manifest is. */
export const packageRoot = (programDirectory: string): string =>
  nearest(programDirectory, "package.json") ?? programDirectory;
