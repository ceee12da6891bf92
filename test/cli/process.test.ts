import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { Interrupted } from "../../cli/errors.ts";
import { tryLock, waitForLock } from "../../cli/lock.ts";
import { until } from "../../cli/process/pause.ts";
import { run } from "../../cli/process/run.ts";
import { isAlive, sessionMembers, startedAt } from "../../cli/process/session.ts";

const never = new AbortController().signal;

const gone = (pid: number): Promise<true | undefined> =>
  until(() => (isAlive(pid) ? undefined : true), { everyMs: 10, timeoutMs: 5000 }, never);

/** Prints `ready <pid of a child>`, then waits; `trap` is what it does on signals. */
const sleeper = (trap: string): readonly string[] => ["-c", `${trap} sleep 60 & echo "ready $!"; wait`];

/** Starts a sleeper and calls `act` when it is ready. */
async function started(args: readonly string[], act: (child: number) => void, options: Parameters<typeof run>[2] = {}) {
  let child = 0;
  const result = await run("bash", args, {
    ...options,
    onLine: (line) => {
      const [, pid] = /^ready (\d+)$/.exec(line) ?? [];
      if (pid === undefined) return;
      child = Number(pid);
      act(child);
    },
  }).catch((error: unknown) => error);
  return { child, result };
}

test("gives status and both streams, line by line", async () => {
  const lines = new Set<string>();
  const ended = await run("sh", ["-c", "echo one; echo two >&2; printf three; exit 4"], {
    onLine: (line, stream) => lines.add(`${stream} ${line}`),
  });
  assert.deepEqual(ended, { code: 4, signal: null, timedOut: false, stdout: "one\nthree\n", stderr: "two\n" });
  assert.deepEqual(lines, new Set(["stderr two", "stdout one", "stdout three"]));
});

test("a program that is not there is an error", async () => {
  await assert.rejects(run("/nonexistent/program", []), /ENOENT/);
});

test("an abort sends the signal, waits for the program to end, and rejects with the reason", async () => {
  const controller = new AbortController();
  const { child, result } = await started(
    sleeper("trap 'echo bye; exit 0' INT;"),
    () => controller.abort(new Interrupted("SIGINT")),
    { signal: controller.signal, stopSignal: "SIGINT" },
  );
  assert.ok(result instanceof Interrupted);
  assert.equal(await gone(child), true, "what it had started is gone too");
});

test("a program that ignores the signal is killed after its grace, with all it started", async () => {
  const controller = new AbortController();
  const begin = performance.now();
  const { child, result } = await started(
    sleeper("trap '' INT TERM;"),
    () => controller.abort(new Interrupted("SIGTERM")),
    {
      signal: controller.signal,
      graceMs: 200,
    },
  );
  assert.ok(result instanceof Interrupted);
  assert.ok(performance.now() - begin < 10_000);
  assert.equal(await gone(child), true);
});

test("the second signal does not wait for the grace", async () => {
  const [first, second] = [new AbortController(), new AbortController()];
  const { child } = await started(
    sleeper("trap '' INT TERM;"),
    () => {
      first.abort(new Interrupted("SIGINT"));
      second.abort();
    },
    { signal: first.signal, killSignal: second.signal, graceMs: 60_000 },
  );
  assert.equal(await gone(child), true);
});

test("a time limit ends the program and what it started in sessions of their own", async () => {
  let nested = 0;
  const ended = await run("bash", ["-c", "setsid sleep 60 & echo $!; wait"], {
    timeoutMs: 500,
    onLine: (line) => {
      nested = Number(line);
    },
  });
  assert.equal(ended.timedOut, true);
  assert.ok(nested > 0);
  assert.equal(await gone(nested), true);
});

test("what a program leaves behind when it ends is ended too, even in another process group", async () => {
  // `set -m` gives the background job a process group of its own, as the engine does with plugins.
  const ended = await run("bash", ["-c", "set -m; sleep 60 </dev/null >/dev/null 2>&1 & echo $!"]);
  assert.equal(ended.code, 0);
  assert.equal(await gone(Number(ended.stdout)), true);
});

test("a session lists its members, and a process id is told from its next use", async () => {
  const { child } = await started(
    sleeper(""),
    (pid) => {
      assert.equal(isAlive(pid), true);
      if (process.platform === "linux") assert.match(startedAt(pid) ?? "", /^\d+$/);
    },
    { timeoutMs: 300 },
  );
  assert.equal(isAlive(child), false);
  assert.equal(startedAt(child), undefined);
  assert.deepEqual(sessionMembers(child), []);
});

function lockFile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-lock-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, "deep", "lock");
}

const holder = (file: string): readonly string[] => [
  "--disable-warning=ExperimentalWarning",
  "--input-type=module",
  "-e",
  `const { tryLock } = await import(${JSON.stringify(join(import.meta.dirname, "../../cli/lock.ts"))});
   tryLock(${JSON.stringify(file)}); console.log("held"); setInterval(() => {}, 1000);`,
];

test("a lock is held against other processes and is free the moment its holder is killed", async (t) => {
  const file = lockFile(t);
  const controller = new AbortController();
  let waited = false;
  let acquired: Promise<void> | undefined;
  await run(process.execPath, holder(file), {
    signal: controller.signal,
    onLine: (line) => {
      if (line !== "held") return;
      assert.equal(tryLock(file), undefined);
      acquired = waitForLock(
        file,
        () => {
          waited = true;
        },
        never,
      ).then((lock) => lock.release());
      controller.abort(new Error("killed"));
    },
    graceMs: 0,
  }).catch((error: Error) => assert.equal(error.message, "killed"));
  await acquired;
  assert.equal(waited, true);
  const lock = tryLock(file);
  assert.ok(lock, "released after use");
  lock.release();
});

test("waiting for a lock ends with the interruption", async (t) => {
  const file = lockFile(t);
  const lock = tryLock(file);
  const controller = new AbortController();
  const waiting = waitForLock(file, () => controller.abort(new Interrupted("SIGINT")), controller.signal);
  await assert.rejects(waiting, Interrupted);
  lock?.release();
});
