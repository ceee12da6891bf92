import assert from "node:assert/strict";
import { test } from "node:test";
import { assertConverged, configure, inventory, names, nothing, startBench } from "./support.ts";

type Case = { readonly platform: Readonly<Record<string, unknown>>; readonly messages: readonly RegExp[] };

const cases: readonly Case[] = [
  {
    // Refused by the schema.
    platform: { location: "moon", api: { count: 0, colour: "red" } },
    messages: [/location: "?moon/, /api\.count: 0 given/, /colour/],
  },
  {
    // Refused by the plan: a retired type, and one that is too small.
    platform: { location: "ash", api: { serverType: "cx22" }, database: { serverType: "ccx13" } },
    messages: [/api\.serverType: cx22/, /database\.serverType: ccx13/],
  },
];

test("faults of the stack's file are shown all at once, without a stack trace, and change nothing", async (t) => {
  const bench = await startBench(t, "phase2");
  for (const { platform, messages } of cases) {
    configure(bench, platform);
    for (const run of [await bench.project.preview(), await bench.project.up()]) {
      assert.notEqual(run.code, 0);
      for (const message of messages) assert.match(run.errors(), message);
      assert.doesNotMatch(run.errors(), /^\s+at /m, "a stack trace helps nobody here");
      assert.doesNotMatch(run.errors(), /unhandled/i);
    }
  }
  assert.deepEqual(await names(bench), nothing);
});

test("a running platform refuses what would move or replace it", async (t) => {
  const home = {
    location: "fsn1",
    server: { serverType: "auto" },
    network: { ipRange: "10.0.0.0/16" },
    phase: 1,
  };
  const bench = await startBench(t, "phase1", { config: { "chitlaq:platform": home } });
  (await bench.project.up()).succeeded();
  const running = await names(bench);

  const refused = async (platform: Readonly<Record<string, unknown>>, message: RegExp): Promise<void> => {
    const before = await inventory(bench);
    configure(bench, platform);
    try {
      // Without a preview, which is the harder case: other resources are under way when the refusal comes.
      const run = await bench.project.up();
      assert.notEqual(run.code, 0, `nothing was refused:\n${run.output}`);
      assert.match(run.errors(), message);
    } finally {
      configure(bench, home);
    }
    assert.deepEqual(await inventory(bench), before);
  };
  const isProtected = (name: string) => new RegExp(`${name}"[^]*marked for protection`);

  await t.test("another location", () => refused({ location: "nbg1" }, isProtected("server-1-(server|ipv4|data)")));
  await t.test("another location in another network zone", () =>
    refused({ location: "hil" }, isProtected("network-subnet-edge")),
  );
  await t.test("another address range", () =>
    refused({ network: { ipRange: "10.9.0.0/16" } }, isProtected("network-(private|subnet-edge)")),
  );
  await t.test("another phase", () => refused({ phase: 2, server: undefined }, isProtected("network-private")));
  await t.test("a bad value, with its fix", () =>
    refused({ server: { serverType: "cx11" } }, /server\.serverType: cx11/),
  );
  await t.test("and is as it was once the file is as it was", () => assertConverged(bench, running));
  await t.test("but new keys and another boot document pass it by: they count for new machines", async () => {
    const servers = (await inventory(bench)).servers;
    const publicKeys = { operations: operationsKey, second: otherKey };
    configure(bench, { ssh: { publicKeys }, edge: { hosts: ["@", "www"] } });
    const up = (await bench.project.up()).succeeded();
    const changed = (op: string) => up.changes.filter((change) => change.op === op).map(({ name }) => name);
    assert.deepEqual(changed("create"), ["ssh-second"]);
    assert.deepEqual(changed("delete"), ["edge-api.chitlaq.com-server-1"]);
    assert.deepEqual((await inventory(bench)).servers, servers);
  });
});

const operationsKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx operations@chitlaq.com";
const otherKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl second@chitlaq.com";
