/** Puts the stand-in language host beside a self-built `pulumi`. */

import { randomUUID } from "node:crypto";
import { chmod, mkdir, rename, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { shellWord } from "../plugins/shell.ts";

export type LanguageHostInstallation = {
  /** Directory of the self-built CLI. Never one on a PATH before an official CLI: a host found there would win. */
  readonly binDir: string;
  /** Node 24 or newer, absolute. */
  readonly nodePath: string;
  /** Checkout that holds `local/langhost/langhost.ts`. */
  readonly repoRoot: string;
};

/**
 * Writes `pulumi-language-nodejs`; an older one is replaced in one step, so that a run in progress is not disturbed.
 * @returns the path of the shim.
 */
export const installLanguageHost = async (options: LanguageHostInstallation): Promise<{ readonly path: string }> => {
  const host = join(resolve(options.repoRoot), "local", "langhost", "langhost.ts");
  const shim = [
    "#!/bin/sh",
    "# Stand-in Node language host; an official Pulumi installation brings its own.",
    `exec ${shellWord(resolve(options.nodePath))} ${shellWord(host)} "$@"`,
    "",
  ].join("\n");
  const path = join(resolve(options.binDir), "pulumi-language-nodejs");
  await mkdir(resolve(options.binDir), { recursive: true });
  const fresh = `${path}.${randomUUID()}`;
  await writeFile(fresh, shim);
  await chmod(fresh, 0o755);
  await rename(fresh, path);
  return { path };
};
