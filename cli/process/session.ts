/**
 * Everything a child started, found by its session.
 *
 * Pulumi puts each plugin into a process group of its own, and official plugins outlive an engine that was killed
 * (measured 2026-11-23), so signalling a process group is not enough. A child started with `detached` leads a new
 * session, which its descendants keep even after their parents are gone.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

type Process = { readonly pid: number; readonly parent: number; readonly session: number; readonly zombie: boolean };

/** Fields of `/proc/<pid>/stat` after the command, which is in parentheses and may hold any character. */
const statFields = (pid: number): readonly string[] | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    // It ended between listing and reading.
    return undefined;
  }
};

function linuxProcesses(): readonly Process[] {
  const found: Process[] = [];
  for (const name of readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    const fields = statFields(pid);
    if (fields === undefined) continue;
    const [state, parent, , session] = fields;
    found.push({ pid, parent: Number(parent), session: Number(session), zombie: state === "Z" });
  }
  return found;
}

/** macOS shows no session number; there the descendants of the leader are taken, which needs the leader alive. */
function descendants(leader: number): readonly number[] {
  const table = execFileSync("ps", ["-axo", "pid=,ppid="], { encoding: "utf8" });
  const children = new Map<number, number[]>();
  for (const line of table.split("\n")) {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    if (pid === undefined || parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found = [leader];
  for (const pid of found) found.push(...(children.get(pid) ?? []));
  return found.filter(isAlive);
}

/** Living processes of the session that `leader` opened, itself included. */
export function sessionMembers(leader: number): readonly number[] {
  if (process.platform !== "linux") return descendants(leader);
  return linuxProcesses()
    .filter((found) => found.session === leader && !found.zombie)
    .map((found) => found.pid);
}

/** True while a process with this id runs; a zombie does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs under another user.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return process.platform !== "linux" || statFields(pid)?.[0] !== "Z";
}

/**
 * A token that tells two processes with the same id apart: the kernel's start time in clock ticks since boot
 * (proc(5), field 22). Undefined when the process is gone or the system does not say.
 */
export function startedAt(pid: number): string | undefined {
  if (process.platform !== "linux") return undefined;
  const fields = statFields(pid);
  return fields?.[0] === "Z" ? undefined : fields?.[19];
}

/** Sends a signal and ignores that the process may have ended meanwhile. */
export function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * The session of `leader`, with the descendants of its members: a test may start an engine in a session of its own.
 * Descendants whose parent is gone are found by their session only.
 */
function family(leader: number): readonly number[] {
  if (process.platform !== "linux") return descendants(leader);
  const living = linuxProcesses().filter(({ zombie }) => !zombie);
  const found = new Set(living.filter(({ session }) => session === leader).map(({ pid }) => pid));
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    for (const { pid, parent, session } of living) if (found.has(parent) || found.has(session)) found.add(pid);
  }
  return [...found];
}

/** Kills a session and its descendants until none is left; a member may fork while it is being listed. */
export async function killSession(leader: number): Promise<void> {
  for (;;) {
    const members = family(leader);
    if (members.length === 0) return;
    for (const pid of members) signalProcess(pid, "SIGKILL");
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
