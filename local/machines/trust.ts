import { randomUUID } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Authority, openAuthority } from "../internet/authority.ts";
import { type Environment, environmentOf } from "./environment.ts";

const folderOf = ({ folder }: Pick<Environment, "folder">): string => join(folder, "internet");

/** The authority of the internet of the environment on this state folder. */
export const authorityOf = (stateDir: string): Promise<Authority> => openAuthority(folderOf(environmentOf(stateDir)));

const bundle = "etc/ssl/certs/ca-certificates.crt";
/** What `update-ca-certificates` makes the bundle from: it stays trusted when packages are updated. */
const source = "usr/local/share/ca-certificates/local-internet.crt";

const write = async (root: string, path: string, content: string): Promise<void> => {
  const file = join(root, path);
  await mkdir(dirname(file), { recursive: true, mode: 0o755 });
  await writeFile(file, content);
  await chmod(file, 0o644);
};

/**
 * The layer above a base root that makes a machine trust the sites of the local internet, as it trusts public authorities on
 * the real one. Nothing that runs on the machine has to know of it.
 */
export const ensureTrust = async (environment: Environment, base: string): Promise<string> => {
  const target = join(folderOf(environment), `trust-${basename(base)}`);
  if (existsSync(target)) return target;
  const { certificate } = await openAuthority(folderOf(environment));
  const partial = `${target}.${randomUUID()}`;
  // The attributes of this folder become those of the machine's root.
  await mkdir(partial, { recursive: true });
  await chmod(partial, 0o755);
  const known = existsSync(join(base, bundle)) ? readFileSync(join(base, bundle), "utf8") : "";
  await write(partial, bundle, `${known}${certificate}`);
  await write(partial, source, certificate);
  await rename(partial, target).catch((error: NodeJS.ErrnoException) => {
    // Another server's disk was faster with the same content.
    if (error.code !== "ENOTEMPTY" && error.code !== "EEXIST") throw error;
    return rm(partial, { recursive: true, force: true });
  });
  return target;
};
