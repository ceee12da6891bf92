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

/** The power actions the API was asked for since `count` requests, with the status each got. */
const powerActions = async ({ cloud }: Bench, count: number): Promise<readonly string[]> => {
  const log = (await cloud.hetzner.control("GET", "requests")) as {
    readonly count: number;
    readonly requests: readonly { readonly method: string; readonly path: string; readonly status: number }[];
  };
  return log.requests.slice(count - log.count).flatMap(({ method, path, status }) => {
    const action = /^\/v1\/servers\/\d+\/actions\/(\w+)$/.exec(path)?.[1];
    return method === "POST" && action !== undefined ? [`${action} ${status}`] : [];
  });
};

const requestCount = async ({ cloud }: Bench): Promise<number> =>
  ((await cloud.hetzner.control("GET", "requests")) as { readonly count: number }).count;

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
      const asked = await requestCount(bench);
      configure(bench, { server: { serverType } });
      const up = (await bench.project.up()).succeeded();
      const changes = up.changes.filter(({ type }) => type !== "pulumi:pulumi:Stack");
      assert.deepEqual(
        changes.map(({ op, name }) => [op, name]),
        [["update", "server-1-server"]],
      );
      assert.deepEqual(changes[0]?.diff, { serverType: "update" });
      assert.deepEqual(await powerActions(bench, asked), ["shutdown 201", "change_type 201"], "never a hard poweroff");
      const after = await theServer(bench);
      assert.equal(after.server_type.name, serverType);
      assert.equal(after.id, before.id, "the same server");
      assert.equal(after.public_net.ipv4.ip, before.public_net.ipv4.ip, "the same address");
      assert.equal(after.primary_disk_size, before.primary_disk_size, "the same disk, so that a step back is possible");
      assert.equal(after.status, "running");
      assert.deepEqual(await inventory(bench), things, "nothing came or went");
    };
    await t.test("a step that Hetzner refuses leaves the server running as it was", async () => {
      const before = await theServer(bench);
      const fault = { effect: { type: "stock_out", serverType: "cpx41" } };
      await bench.cloud.hetzner.control("POST", "faults", { api: "hetzner", ...fault });
      const asked = await requestCount(bench);
      configure(bench, { server: { serverType: "cpx41" } });
      const failed = await bench.project.up();
      assert.notEqual(failed.code, 0);
      assert.match(failed.errors(), /resource_unavailable/);
      assert.deepEqual(await powerActions(bench, asked), ["shutdown 201", "change_type 412", "poweron 201"]);
      assert.deepEqual(await theServer(bench), before);
      await bench.cloud.hetzner.control("DELETE", "faults");
    });
    await t.test("a step up is an update of the same server", () => step("cpx41"));
    await t.test("and so is the step back down", () => step("cpx21"));
  });
});
