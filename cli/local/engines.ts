/**
 * Which engines our runs have started. When a run is killed with -9 its engine works on without it; the next run finds it
 * here and ends it before it touches the stack.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pause } from "../process/pause.ts";
import { isAlive, killSession, sessionMembers, signalProcess, startedAt } from "../process/session.ts";
import type { Instance } from "./instance.ts";

type ProcessMark = { readonly pid: number; readonly startedAt: string | undefined };
type EngineRecord = { readonly owner: ProcessMark; readonly engine: ProcessMark };

const mark = (pid: number): ProcessMark => ({ pid, startedAt: startedAt(pid) });

/** The same process as when the mark was made, and not another one that got its number. */
const lives = ({ pid, startedAt: then }: ProcessMark): boolean =>
  isAlive(pid) && (then === undefined || startedAt(pid) === then);

const folder = (instance: Instance): string => join(instance.dir, "engines");

/** Notes an engine of this process; the returned function takes the note away. */
export function noteEngine(instance: Instance, pid: number): () => void {
  mkdirSync(folder(instance), { recursive: true });
  const file = join(folder(instance), `${pid}.json`);
  const record: EngineRecord = { owner: mark(process.pid), engine: mark(pid) };
  writeFileSync(file, JSON.stringify(record));
  return () => rmSync(file, { force: true });
}

/** How long an engine may finish the calls it has begun. */
const politeMs = 15_000;

async function endEngine({ engine }: EngineRecord): Promise<boolean> {
  // A session number is not given away while the session has a member, so members of a dead leader are its own.
  const reused = isAlive(engine.pid) && !lives(engine);
  if (reused || sessionMembers(engine.pid).length === 0) return false;
  if (lives(engine)) signalProcess(engine.pid, "SIGINT");
  const never = new AbortController().signal;
  const deadline = performance.now() + politeMs;
  while (lives(engine) && performance.now() < deadline) await pause(50, never);
  await killSession(engine.pid);
  return true;
}

/** Ends engines whose run is gone. @returns how many there were. */
export async function endAbandonedEngines(instance: Instance): Promise<number> {
  mkdirSync(folder(instance), { recursive: true });
  let ended = 0;
  for (const name of readdirSync(folder(instance))) {
    const file = join(folder(instance), name);
    const record = readRecord(file);
    if (record !== undefined && lives(record.owner)) continue;
    if (record !== undefined && (await endEngine(record))) ended += 1;
    rmSync(file, { force: true });
  }
  return ended;
}

/** Undefined for a record that a killed run left half-written: it had no time to start an engine's work. */
function readRecord(file: string): EngineRecord | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as EngineRecord;
  } catch {
    return undefined;
  }
}
