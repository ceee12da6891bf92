/** Phase 1 on a booted machine, loaded through its edge and asked for its backups, by the commands an operator types. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineBackups } from "../../../cli/backup/status.ts";
import type { Figures } from "../../../cli/loadtest/figures.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";
import { createBench } from "../support/command.ts";

const host = machinesAvailable();

test("the platform carries the plan's mix through the edge, and tells the state of its backups", {
  skip: host.ok ? false : `needs ${host.missing.join(", ")}`,
}, async (t) => {
  const bench = createBench(t);
  const up = await bench.run(["local", "up", "phase1", "--machines"]);
  assert.equal(up.code, 0, up.stdout + up.stderr);
  const { name } = bench.instance;

  const loaded = await bench.chitlaq([
    "loadtest",
    "phase1",
    "--instance",
    name,
    "--rate",
    "20",
    "--duration",
    "10",
    "--json",
  ]);
  assert.notEqual(loaded.stdout, "", loaded.stderr);
  const figures = JSON.parse(loaded.stdout) as Figures;
  for (const { kind, calls, errors, p95Ms, reasons } of figures.kinds) {
    t.diagnostic(`${kind}: ${calls} calls, p95 ${p95Ms} ms, ${errors} failed`);
    assert.ok(calls > 0 && errors === 0, `${kind}: ${JSON.stringify(reasons)}`);
  }
  // Time on a shared machine is no test: the verdict must follow from the figures, whatever they are.
  assert.equal(loaded.code, figures.passed ? 0 : 1);

  const status = await bench.chitlaq(["backup", "status", "phase1", "--instance", name, "--json"]);
  const [server] = JSON.parse(status.stdout) as readonly MachineBackups[];
  assert.equal(server?.machine, "server-1");
  assert.equal(status.code, server.report.problems.length > 0 ? 1 : 0);
  const last = server.report.database?.last ?? null;
  assert.ok(last === null || last.databaseBytes > 1e6);
});
