/**
 * The object store of local clouds with machines: versitygw, built once from its Go modules. It stands for Hetzner's object
 * storage, which has no part in Hetzner's API: buckets and keys are made in the Console there, and by {@link seedBucket} here.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { BackupService } from "../../plan/types.ts";
import { findGo } from "../engine/build.ts";
import { withIncoming } from "../engine/incoming.ts";
import type { EngineSearch } from "../engine/probe.ts";
import { run } from "../process/run.ts";
import type { Note, Progress } from "../progress.ts";
import { controlUrl } from "./cloud.ts";

const program = "versitygw";
const module = "github.com/versity/versitygw/cmd/versitygw";

const sourceDir = (search: Pick<EngineSearch, "repoRoot">): string => join(search.repoRoot, "tools", "object-store");

/** Folder of the built program: other sources, another folder. */
function buildDir(search: Pick<EngineSearch, "repoRoot" | "cacheDir">): string {
  const hash = createHash("sha256");
  for (const file of ["go.mod", "go.sum"]) hash.update(readFileSync(join(sourceDir(search), file)));
  return join(search.cacheDir, "object-store", hash.digest("hex").slice(0, 16));
}

/** The program if it was built before. */
export function builtObjectStore(search: Pick<EngineSearch, "repoRoot" | "cacheDir">): string | undefined {
  const file = join(buildDir(search), program);
  return existsSync(file) ? file : undefined;
}

async function compile(go: string, output: string, search: EngineSearch, note: Note): Promise<void> {
  const begin = performance.now();
  const clock = setInterval(() => note(`${Math.round((performance.now() - begin) / 1000)} s`), 1000);
  try {
    const built = await run(go, ["build", "-trimpath", "-ldflags", "-s -w", "-o", output, module], {
      cwd: sourceDir(search),
      // A workspace or flags of the person's own would build something else than go.sum says.
      env: { ...search.env, GOFLAGS: "-mod=readonly", GOWORK: "off" },
      signal: search.signal,
      killSignal: search.killSignal,
    });
    if (built.code !== 0) throw new Error(`the object store could not be built:\n${built.stderr.trimEnd()}`);
  } finally {
    clearInterval(clock);
  }
}

/** Builds the program into its cache folder. Two runs at once build it once. */
async function build(go: string, search: EngineSearch, note: Note): Promise<string> {
  const target = buildDir(search);
  const waiting = { onWait: () => note("another run is building it"), signal: search.signal };
  return withIncoming(dirname(target), waiting, async (incoming) => {
    const present = builtObjectStore(search);
    if (present !== undefined) return present;
    await compile(go, join(incoming, program), search, note);
    await rm(target, { recursive: true, force: true });
    await rename(incoming, target);
    return join(target, program);
  });
}

/** The program, built if need be; undefined, after a sentence that says so, where it cannot be. */
export async function ensureObjectStore(search: EngineSearch, progress: Progress): Promise<string | undefined> {
  const present = builtObjectStore(search);
  if (present !== undefined) return present;
  const found = await findGo(search);
  if ("missing" in found) {
    progress.say(`No object store in this local cloud, so machines cannot back up: ${found.missing}.`);
    return undefined;
  }
  return progress.step("Building the local object store, once", (note) => build(found.go, search, note));
}

export type StorageKeys = { readonly accessKey: string; readonly secretKey: string };

/** Makes the bucket for backups in the local object storage, and lets the keys in. What is there stays. */
export async function seedBucket(
  hetzner: { readonly endpoint: string; readonly token: string },
  backup: Pick<BackupService, "bucket" | "region">,
  keys: StorageKeys,
  signal: AbortSignal,
): Promise<void> {
  const response = await fetch(controlUrl(hetzner.endpoint, "object-storage"), {
    method: "PUT",
    headers: { authorization: `Bearer ${hetzner.token}`, "content-type": "application/json" },
    body: JSON.stringify({ location: backup.region, bucket: backup.bucket, ...keys }),
    signal,
  });
  if (response.ok) return;
  throw new Error(`the bucket ${backup.bucket} could not be made: ${response.status} ${await response.text()}`);
}
