/** A local cloud with its state: everything of it is below one folder of `.cache`, so two never meet. */
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Fault } from "../errors.ts";
import { cacheDir } from "../paths.ts";

export type Instance = {
  readonly name: string;
  readonly dir: string;
  /** State of the emulators. */
  readonly cloudDir: string;
  /** The Pulumi project of local runs; see `project.ts`. */
  readonly projectDir: string;
  /** Pulumi's file backend. */
  readonly backendDir: string;
  readonly logDir: string;
};

export function instanceNamed(name: string, root: string = join(cacheDir, "local")): Instance {
  if (!/^[a-z0-9][a-z0-9-]{0,30}$/.test(name)) {
    throw new Fault(`--instance: ${JSON.stringify(name)} given, it names a folder`, [
      "use up to 31 lower-case letters, digits and hyphens, such as default or review-2",
    ]);
  }
  const dir = join(root, name);
  const inside = (folder: string): string => join(dir, folder);
  return {
    name,
    dir,
    cloudDir: inside("cloud"),
    projectDir: inside("project"),
    backendDir: inside("backend"),
    logDir: inside("logs"),
  };
}

export function makeFolders(instance: Instance): void {
  for (const folder of [instance.cloudDir, instance.projectDir, instance.backendDir, instance.logDir]) {
    mkdirSync(folder, { recursive: true });
  }
}

/** Passphrase of the instance's secrets, made at first use. It guards throw-away values and is no secret of anybody. */
export function passphraseOf(instance: Instance): string {
  const file = join(instance.dir, "passphrase");
  if (!existsSync(file)) {
    mkdirSync(instance.dir, { recursive: true });
    try {
      // Exclusive: of two first runs at once, one decides.
      writeFileSync(file, randomBytes(24).toString("base64url"), { mode: 0o600, flag: "wx" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  }
  return readFileSync(file, "utf8");
}
