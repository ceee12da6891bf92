import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConverged, type Bench, configure, inventory, names, nothing, startBench } from "./support.ts";
import { expectedNames, planOf } from "./lifecycle.ts";

test("faults of the stack's file are shown all at once, without a stack trace, and change nothing", async (t) => {
  const bench = await startBench(t, "phase2");
  configure(bench, { location: "moon", api: { count: 0, colour: "red" } });
  for (const run of [await bench.project.preview(), await bench.project.up()]) {
    assert.notEqual(run.code, 0);
    const errors = run.errors();
    assert.match(errors, /location: "?moon/);
    assert.match(errors, /api\.count: 0 given/);
    assert.match(errors, /colour/);
    assert.doesNotMatch(errors, /^\s+at /m, "a stack trace helps nobody here");
    assert.doesNotMatch(errors, /unhandled/i);
  }
  assert.deepEqual(await names(bench), nothing);
});

test("a running platform refuses what would move or replace it", async (t) => {
  const bench = await startBench(t, "phase1");
  (await bench.project.up()).succeeded();
  const expected = expectedNames(planOf("phase1"));

  const refused = async (platform: Readonly<Record<string, unknown>>, message: RegExp): Promise<void> => {
    const before = await inventory(bench);
    configure(bench, platform);
    for (const run of [await bench.project.preview(), await bench.project.up()]) {
      assert.notEqual(run.code, 0, `nothing was refused:\n${run.output}`);
      assert.match(run.errors(), message);
    }
    assert.deepEqual(await inventory(bench), before);
  };

  await t.test("another location", async () => {
    await refused({ location: "hil" }, /server-1-server|server-1-ipv4|server-1-data/);
    configure(bench, { location: "ash" });
  });

  await t.test("another address range", async () => {
    await refused({ network: { ipRange: "10.9.0.0/16" } }, /protect/);
    configure(bench, { network: { ipRange: "10.0.0.0/16" } });
  });

  await t.test("another phase", async () => {
    const platform = { server: undefined };
    await refused({ phase: 2, ...platform }, /network-private/);
    configure(bench, { phase: 1 });
  });

  await t.test("a bad value, with its fix", async () => {
    await refused({ server: { serverType: "cx11" } }, /server\.serverType: cx11/);
    configure(bench, { server: { serverType: "cpx21" } });
  });

  await t.test("and is as it was once the file is as it was", () => assertConverged(bench, expected));
});

test("image, boot document and keys of a running server count for new ones only", async (t) => {
  const bench = await startBench(t, "phase1");
  (await bench.project.up()).succeeded();
  const servers = (await inventory(bench)).servers;
  configure(bench, {
    ssh: {
      publicKeys: {
        operations:
          "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx operations@chitlaq.com",
        second: otherKey,
      },
    },
    edge: { hosts: ["@"] },
  });
  const up = (await bench.project.up()).succeeded();
  assert.ok(
    up.changes.some(({ op, name }) => op === "create" && name === "ssh-second"),
    up.output,
  );
  assert.deepEqual(
    up.changes.filter(({ name }) => name === "server-1-server"),
    [],
  );
  assert.deepEqual((await inventory(bench)).servers, servers);
});

const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl second@chitlaq.com";

test("a load balancer is rebuilt behind its own address, and nothing else moves", async (t) => {
  const bench: Bench = await startBench(t, "phase2");
  (await bench.project.up()).succeeded();
  const before = await inventory(bench);
  const { resources = [] } = await bench.project.state();
  const urn = resources.find(({ urn: candidate }) => candidate.endsWith("::lb-1-server"))?.urn ?? "";
  const up = (await bench.project.up({ args: ["--replace", urn] })).succeeded();
  const touched = new Set(up.changes.map(({ name }) => name));
  assert.deepEqual(touched, new Set(["lb-1-server"]), up.output);
  const after = await inventory(bench);
  assert.deepEqual({ ...after, servers: before.servers }, before, "addresses, volumes and records are those of before");
  const other = (list: readonly string[] | undefined) => list?.filter((entry) => !entry.includes("lb-1"));
  assert.deepEqual(other(after.servers), other(before.servers));
  await assertConverged(bench, expectedNames(planOf("phase2")));
});
