/** Pulumi's own lock of a stack in the file backend, and whether its holder still lives. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { isAlive } from "../process/session.ts";
import type { Instance } from "./instance.ts";

type LockFile = { readonly pid: number; readonly hostname: string; readonly timestamp: string };

export type StackLock = { readonly kind: "free" } | { readonly kind: "stale" | "held"; readonly pid: number };

/** Name of a process, cut by the kernel to 15 bytes; undefined where the system does not show it. */
function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

const holds = ({ pid, hostname: host }: LockFile): boolean => {
  // A shared folder may carry another machine's lock; nobody here can judge it.
  if (host !== hostname()) return true;
  return isAlive(pid) && (nameOf(pid)?.startsWith("pulumi") ?? true);
};

/** Lock files are `.pulumi/locks/organization/<project>/<stack>/<id>.json` (pulumi/pkg `backend/diy/lock.go`). */
export function stackLock(instance: Instance, project: string, stack: string): StackLock {
  const folder = join(instance.backendDir, ".pulumi", "locks", "organization", project, stack);
  if (!existsSync(folder)) return { kind: "free" };
  const locks = readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")) as LockFile);
  const holder = locks.find(holds);
  if (holder !== undefined) return { kind: "held", pid: holder.pid };
  const [stale] = locks;
  return stale === undefined ? { kind: "free" } : { kind: "stale", pid: stale.pid };
}
