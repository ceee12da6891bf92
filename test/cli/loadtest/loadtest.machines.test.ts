/**
 * The platform on booted machines, loaded through its edge and asked for its backups, by the commands an operator types. What
 * passes goes from a visitor's TLS at the edge through load balancer and application to the databases and back, messages over
 * WebSockets too. Not proven: what the real machines can carry.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineBackups } from "../../../cli/backup/status.ts";
import type { Figures } from "../../../cli/loadtest/figures.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";
import { createBench } from "../support/command.ts";

const host = machinesAvailable();

const skip = host.ok ? false : `needs ${host.missing.join(", ")}`;

for (const [stack, holders] of [
  ["phase1", ["server-1"]],
  ["phase2", ["db-1", "db-2", "redis-1"]],
] as const) {
  test(`${stack} carries the plan's mix through the edge, and tells the state of its backups`, { skip }, async (t) => {
    const bench = createBench(t);
    const up = await bench.run(["local", "up", stack, "--machines"]);
    assert.equal(up.code, 0, up.stdout + up.stderr);
    const { name } = bench.instance;

    const options = ["--instance", name, "--rate", "20", "--duration", "10", "--json"];
    const loaded = await bench.chitlaq(["loadtest", stack, ...options]);
    assert.notEqual(loaded.stdout, "", loaded.stderr);
    const figures = JSON.parse(loaded.stdout) as Figures;
    for (const { kind, calls, errors, p95Ms } of figures.kinds) {
      t.diagnostic(`${stack}, ${kind}: ${calls} calls, p95 ${p95Ms} ms, ${errors} failed`);
      assert.ok(calls > 0, kind);
    }
    const sum = (field: "calls" | "errors") => figures.kinds.reduce((total, kind) => total + kind[field], 0);
    // When this host stands still for a moment, what was due comes at once, and the platform limits each address.
    assert.ok(sum("errors") <= sum("calls") * 0.02, JSON.stringify(figures.kinds));
    // Time on a shared machine is no test: the verdict must follow from the figures, whatever they are.
    assert.equal(loaded.code, figures.passed ? 0 : 1);

    const status = await bench.chitlaq(["backup", "status", stack, "--instance", name, "--json"]);
    const machines = JSON.parse(status.stdout) as readonly MachineBackups[];
    assert.deepEqual(new Set(machines.map(({ machine }) => machine)), new Set(holders));
    assert.equal(status.code, machines.some(({ report }) => report.problems.length > 0) ? 1 : 0);
    for (const { report } of machines) {
      const last = report.database?.last ?? null;
      assert.ok(last === null || last.databaseBytes > 1e6);
    }
  });
}
