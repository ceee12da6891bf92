/** `ops/database/archive-push.sh` with a pgBackRest that does as it is told. */
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test, type TestContext } from "node:test";

const source = readFileSync(join(import.meta.dirname, "../../ops/database/archive-push.sh"), "utf8");

type Server = "up" | "stopping" | "down";

/** The note a PostgreSQL leaves in its data directory: its process first, what it is about to do in line 8. */
const note = (pid: number, server: Server): string =>
  [pid, "/data", 0, 5432, "/run", "*", "0 0", server === "stopping" ? "stopping" : "ready   ", ""].join("\n");

const push = (t: TestContext, server: Server, pgbackrest: string) => {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-archive-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    return path;
  };
  const postmaster = spawn("sleep", ["60"]);
  t.after(() => postmaster.kill("SIGKILL"));
  if (server !== "down") file("postmaster.pid", note(postmaster.pid ?? 0, server));
  const environment = file("database.env", `DATA_DIRECTORY=${folder}\n`);
  file("pgbackrest", `#!/bin/bash\necho "$@" >>${folder}/asked\n${pgbackrest}\n`);
  const script = file("archive-push", source.replace("/etc/chitlaq/database.env", environment));
  const began = performance.now();
  const { status } = spawnSync("bash", [script, "pg_wal/000000010000000000000001"], {
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  });
  const seconds = (performance.now() - began) / 1000;
  return { status, seconds, asked: readFileSync(join(folder, "asked"), "utf8").trim() };
};

test("a stored segment is a success, whatever the server does", (t) => {
  for (const server of ["up", "stopping", "down"] as const) {
    const { status, asked } = push(t, server, "exit 0");
    assert.equal(status, 0, server);
    assert.equal(asked, "--stanza=chitlaq archive-push pg_wal/000000010000000000000001");
  }
});

test("a running server waits for a slow storage, and tries again after a failure", (t) => {
  assert.equal(push(t, "up", "sleep 1.2").status, 0);
  assert.equal(push(t, "up", "exit 82").status, 1);
});

test("a server that stops does not wait for a storage that is away, and its archiver ends", (t) => {
  const { status, seconds } = push(t, "stopping", "exec sleep 30");
  assert.ok(status !== null && status > 125, `exit code ${status}: PostgreSQL would try again`);
  assert.ok(seconds < 2, `${seconds} s`);
  assert.ok((push(t, "stopping", "exit 82").status ?? 0) > 125);
});

test("a member that is to recover waits for it only for a moment", (t) => {
  const { status, seconds } = push(t, "down", "exec sleep 30");
  assert.equal(status, 1);
  assert.ok(seconds > 2 && seconds < 6, `${seconds} s`);
});
