/** What a baked image holds: the lists of `tools/image` and the script that installs them, as one name and as user-data. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { repoRoot } from "../paths.ts";

const files = ["packages.txt", "units.txt", "bake.sh"] as const;

const folder = join(repoRoot, "tools", "image");

const contents = (): readonly (readonly [string, string])[] =>
  files.map((name) => [name, readFileSync(join(folder, name), "utf8")]);

/** Twelve hexadecimal digits that change with the lists or the script; part of the snapshot's label. */
export const packageSetHash = (): string =>
  createHash("sha256").update(JSON.stringify(contents())).digest("hex").slice(0, 12);

/** User-data of the server that becomes the snapshot. It holds no secret and opens no way in. */
export function bakeUserData(): string {
  const target = "/root/bake";
  const cloudConfig = {
    ssh_pwauth: false,
    package_update: false,
    package_upgrade: false,
    write_files: contents().map(([name, content]) => ({
      path: `${target}/${name}`,
      permissions: name.endsWith(".sh") ? "0700" : "0600",
      content,
    })),
    runcmd: [[`${target}/bake.sh`, "install"]],
  };
  return `#cloud-config\n${stringify(cloudConfig, { lineWidth: 0 })}`;
}
