import assert from "node:assert/strict";
import { test } from "node:test";
import { liveThrough } from "./lifecycle.ts";
import { type Bench, configure, inventory, listHetzner } from "./support.ts";

type Server = {
  readonly id: number;
  readonly server_type: { readonly name: string };
  readonly primary_disk_size: number;
  readonly status: string;
  readonly public_net: { readonly ipv4: { readonly ip: string } };
};

const theServer = async (bench: Bench): Promise<Server> => {
  const servers = (await listHetzner(bench, "servers")) as unknown as readonly Server[];
  assert.equal(servers.length, 1);
  return servers[0] as Server;
};

test("phase 1 on the real engine", async (t) => {
  await liveThrough(t, "phase1", async (bench) => {
    const step = async (serverType: string): Promise<void> => {
      const before = await theServer(bench);
      const things = await inventory(bench);
      configure(bench, { server: { serverType } });
      const up = (await bench.project.up()).succeeded();
      const changes = up.changes.filter(({ type }) => type !== "pulumi:pulumi:Stack");
      assert.deepEqual(
        changes.map(({ op, name }) => [op, name]),
        [["update", "server-1-server"]],
      );
      assert.deepEqual(changes[0]?.diff, { serverType: "update" });
      const after = await theServer(bench);
      assert.equal(after.server_type.name, serverType);
      assert.equal(after.id, before.id, "the same server");
      assert.equal(after.public_net.ipv4.ip, before.public_net.ipv4.ip, "the same address");
      assert.equal(after.primary_disk_size, before.primary_disk_size, "the same disk, so that a step back is possible");
      assert.equal(after.status, "running");
      assert.deepEqual(await inventory(bench), things, "nothing came or went");
    };
    await t.test("a step up is an update of the same server", () => step("cpx41"));
    await t.test("and so is the step back down", () => step("cpx21"));
  });
});
