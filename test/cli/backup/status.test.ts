import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { backupReports, dataMachines, sshArguments, statusLines } from "../../../cli/backup/status.ts";
import { repoRoot } from "../../../cli/paths.ts";
import { run } from "../../../cli/process/run.ts";
import { planOf } from "../../support/platform.ts";

/** Printed by `chitlaq-backup-status` on a booted machine. */
const fresh = `{"database":{"backups":1,"last":{"label":"20261123-161152F","type":"full","finished":"2026-11-23T16:11:53Z","ageSeconds":681,"databaseBytes":31271899,"repositoryBytes":3749344,"pageErrors":false},"archive":{"ageSeconds":19,"failures":0,"failing":false},"verifiedRestore":null},"files":{"result":"ok","ageSeconds":7300,"check":"ok","checkAgeSeconds":180000},"problems":["no restore was ever verified"]}`;

const answer = (stdout: string, code = 0, stderr = "") => Promise.resolve({ code, stdout, stderr });

test("the machines that hold data are asked", () => {
  assert.deepEqual(
    ([1, 2, 3] as const).map((phase) => dataMachines(planOf(phase))),
    [["server-1"], ["db-1", "db-2", "redis-1"], ["db-1", "db-2", "db-3", "redis-1", "redis-2", "redis-3"]],
  );
});

test("a report with a problem is read although the program ended with 1, and shown with ages and sizes", async () => {
  const [one] = await backupReports(["server-1"], () => answer(`${fresh}\n`, 1));
  assert.ok(one);
  assert.deepEqual(statusLines(one), [
    "server-1",
    "  backups           1, newest full 20261123-161152F, 11 min ago",
    "  size              31.3 MB, stored as 3.7 MB",
    "  log archive       19 s ago",
    "  verified restore  never",
    "  files             2.0 h ago",
    "  files checked     50.0 h ago",
    "  PROBLEM           no restore was ever verified",
  ]);
});

test("a machine without a database tells of its files only", async () => {
  const stale = `{"database":null,"files":{"result":"failed","ageSeconds":180000,"check":null,"checkAgeSeconds":null},"problems":["the last copy of files failed"]}`;
  const [one] = await backupReports(["redis-1"], () => answer(stale, 1));
  assert.ok(one);
  assert.deepEqual(statusLines(one), [
    "redis-1",
    "  files             50.0 h ago, last try failed",
    "  files checked     never",
    "  PROBLEM           the last copy of files failed",
  ]);
});

test("every machine that does not answer is named with what it said", async () => {
  const said = (machine: string) => (machine === "db-1" ? answer("", 255, "Permission denied") : answer("{}", 0));
  await assert.rejects(
    backupReports(["db-1", "db-2"], said),
    /^Fault: db-1: .* ended with 255: Permission denied\ndb-2: .* ended with 0: \{\}$/,
  );
});

test("a private machine is reached through the one with a public address", () => {
  const server = (name: string, open: string | null, inside: string) => ({
    name,
    public_net: { ipv4: open === null ? null : { ip: open } },
    private_net: [{ ip: inside }],
  });
  const servers = {
    servers: [
      server("chitlaq-phase2-db-1", null, "10.0.3.11"),
      server("chitlaq-phase2-lb-1", "203.0.113.7", "10.0.1.11"),
    ],
  };
  assert.deepEqual(sshArguments(servers, "chitlaq-phase2-db-1").slice(-3), [
    "-J",
    "root@203.0.113.7",
    "root@10.0.3.11",
  ]);
  assert.deepEqual(sshArguments(servers, "chitlaq-phase2-lb-1").slice(-1), ["root@203.0.113.7"]);
  assert.throws(
    () => sshArguments(servers, "chitlaq-phase2-db-9"),
    /not in the project of HCLOUD_TOKEN, which has chitlaq-phase2-db-1, /,
  );
});

test("without a token it says which, and how to ask the local cloud", async () => {
  const args = [
    "--disable-warning=ExperimentalWarning",
    join(repoRoot, "cli", "main.ts"),
    "backup",
    "status",
    "phase1",
  ];
  const { HCLOUD_TOKEN: _token, ...env } = process.env;
  const { code, stderr } = await run(process.execPath, args, { cwd: tmpdir(), env });
  assert.equal(code, 1);
  assert.match(stderr, /^HCLOUD_TOKEN: not set[\s\S]*backup status phase1 --local/);
});
