import assert from "node:assert/strict";
import { test } from "node:test";
import { expectedNames, planOf } from "./lifecycle.ts";
import {
  assertConverged,
  type Bench,
  listHetzner,
  listZone,
  nothingUnhandled,
  startBench,
  zoneIdOf,
} from "./support.ts";

type Change = { readonly what: string; readonly resource: string; make(bench: Bench): Promise<void> };

const hetzner = async ({ cloud }: Bench, method: string, path: string, body: unknown): Promise<void> => {
  const reply = await cloud.hetzner.request(method, path, body);
  assert.ok(reply.status < 300, `${method} ${path}: ${JSON.stringify(reply.body)}`);
};

/** Things an operator does by hand at 3 a.m. and forgets. */
const changes: readonly Change[] = [
  {
    what: "a port opened to the world",
    resource: "firewalls-server",
    make: async (bench) => {
      const [firewall] = await listHetzner(bench, "firewalls");
      const rule = { direction: "in", protocol: "tcp", port: "5432", source_ips: ["0.0.0.0/0"] };
      await hetzner(bench, "POST", `/firewalls/${firewall?.id}/actions/set_rules`, { rules: [rule] });
    },
  },
  {
    what: "labels of the server",
    resource: "server-1-server",
    make: async (bench) => {
      const [server] = await listHetzner(bench, "servers");
      await hetzner(bench, "PUT", `/servers/${server?.id}`, { labels: { owner: "nobody" } });
    },
  },
  {
    what: "a DNS record past the proxy",
    resource: "edge-www.chitlaq.com-server-1",
    make: async (bench) => {
      const records = await listZone(bench, "dns_records");
      const record = records.find(({ name }) => name === "www.chitlaq.com");
      const path = `/zones/${await zoneIdOf(bench)}/dns_records/${record?.id}`;
      const reply = await bench.cloud.cloudflare.request("PATCH", path, { proxied: false });
      assert.equal(reply.status, 200, JSON.stringify(reply.body));
    },
  },
];

test("what was changed by hand is shown by a refresh and put back by an up", async (t) => {
  const bench = await startBench(t, "phase1");
  (await bench.project.up()).succeeded();
  for (const change of changes) await change.make(bench);

  await t.test("a preview with refresh names each changed resource, and changes nothing", async () => {
    const preview = (await bench.project.preview({ args: ["--refresh"] })).succeeded();
    assert.deepEqual(
      new Set(preview.changes.filter(({ op }) => op === "update").map(({ name }) => name)),
      new Set(changes.map(({ resource }) => resource)),
    );
    const records = await listZone(bench, "dns_records");
    assert.equal(records.find(({ name }) => name === "www.chitlaq.com")?.proxied, false);
  });

  await t.test("an up with refresh puts it all back as updates", async () => {
    const up = (await bench.project.up({ args: ["--refresh"] })).succeeded();
    assert.deepEqual(new Set(up.changes.map(({ op }) => op)), new Set(["update"]), up.output);
    const records = await listZone(bench, "dns_records");
    assert.deepEqual(
      records.map(({ proxied }) => proxied),
      records.map(() => true),
    );
    await assertConverged(bench, expectedNames(planOf("phase1")));
    await nothingUnhandled(bench);
  });

  await t.test("a volume detached by hand is attached again", async () => {
    const [volume] = await listHetzner(bench, "volumes");
    await hetzner(bench, "POST", `/volumes/${volume?.id}/actions/detach`, {});
    (await bench.project.refresh()).succeeded();
    const { resources = [] } = await bench.project.state();
    assert.deepEqual(
      resources.filter(({ type }) => type === "hcloud:index/volumeAttachment:VolumeAttachment"),
      [],
      "the refresh has seen that it is gone",
    );
    const up = (await bench.project.up()).succeeded();
    assert.deepEqual(
      up.changes.filter(({ op }) => op === "create").map(({ name }) => name),
      ["server-1-data-attachment"],
    );
    const [again] = await listHetzner(bench, "volumes");
    assert.equal(again?.id, volume?.id, "the same volume with its data");
    assert.equal(typeof again?.server, "number");
  });
});
