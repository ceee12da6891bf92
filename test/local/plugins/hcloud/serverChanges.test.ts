import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import { bury, grow } from "../life.ts";
import type { Answer, LocalCloud } from "../localCloud.ts";
import { keptBy, type Provider, type Resource } from "../provider.ts";
import { base, openServerStage, SERVER, type ServerStage } from "./serverStage.ts";

describe("a change of a Server", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let networkId: number;
  let otherNetworkId: number;
  let live: ServerStage["live"];
  let callsOf: ServerStage["callsOf"];
  let close: ServerStage["close"];
  before(async () => {
    ({ cloud, provider, networkId, otherNetworkId, live, callsOf, close } = await openServerStage());
  });
  afterEach(() => cloud.liftFaults());
  after(() => close());

  it("changes in place what can change", async () => {
    const made = await provider.create(SERVER, { ...base, name: "growing" });
    const { firewall: first } = await cloud.hcloud("POST", "/firewalls", { name: "fw1" });
    const { firewall: second } = await cloud.hcloud("POST", "/firewalls", { name: "fw2" });
    const { placement_group } = await cloud.hcloud("POST", "/placement_groups", { name: "pg2", type: "spread" });
    const step = async (
      server: Resource,
      more: Resource["inputs"],
      ...changed: readonly string[]
    ): Promise<Resource> => {
      const next = { ...server.inputs, ...more };
      return grow(provider, SERVER, server, next, { changed });
    };
    let server = await step(made, { name: "grown", labels: { a: "b" } }, "name", "labels");
    server = await step(server, { backups: true }, "backups");
    server = await step(server, { firewallIds: [first.id] }, "firewallIds");
    server = await step(server, { firewallIds: [second.id] }, "firewallIds");
    assert.deepEqual(
      (await live(server)).public_net.firewalls.map(({ id }: Answer) => id),
      [second.id],
    );
    server = await step(
      server,
      { deleteProtection: true, rebuildProtection: true },
      "deleteProtection",
      "rebuildProtection",
    );
    server = await step(
      server,
      { deleteProtection: false, rebuildProtection: false },
      "deleteProtection",
      "rebuildProtection",
    );
    server = await step(server, { networks: [{ networkId, ip: "10.1.1.30" }] }, "networks");
    server = await step(
      server,
      { networks: [{ networkId, ip: "10.1.1.31" }, { networkId: otherNetworkId }] },
      "networks",
    );
    assert.deepEqual(
      (await live(server)).private_net.map(({ ip }: Answer) => ip).toSorted((a: string, b: string) => (a < b ? -1 : 1)),
      ["10.1.1.31", "10.2.1.1"],
    );
    server = await step(server, { iso: "debian-13-amd64-netinst.iso" }, "iso");
    assert.equal((await live(server)).iso.name, "debian-13-amd64-netinst.iso");
    server = await step(server, { iso: "" }, "iso");
    assert.equal((await live(server)).iso, null);
    const rescued = server;
    const calls = await callsOf(async () => {
      server = await step(rescued, { rescue: "linux64" }, "rescue");
    });
    assert.deepEqual(calls, ["POST /servers/actions/enable_rescue", "POST /servers/actions/reset"]);
    await cloud.hcloud("POST", `/servers/${server.id}/actions/poweroff`);
    server = (await provider.read(SERVER, server)) ?? server;
    server = await step(server, { placementGroupId: placement_group.id }, "placementGroupId");
    await bury(provider, SERVER, server);
  });

  it("changes its type by power off, change and power on, and grows the disk only without keepDisk", async () => {
    const made = await provider.create(SERVER, { ...base, name: "typed", keepDisk: true });
    const inputs = { ...made.inputs, serverType: "cpx32" };
    let updated = made;
    const calls = await callsOf(async () => {
      updated = await provider.update(SERVER, made, inputs);
    });
    assert.deepEqual(calls, [
      "POST /servers/actions/poweroff",
      "POST /servers/actions/change_type",
      ...(calls.includes("POST /servers/actions/poweron") ? ["POST /servers/actions/poweron"] : []),
    ]);
    assert.deepEqual(
      [updated.outputs.status, updated.outputs.serverType, updated.outputs.primaryDiskSize],
      ["running", "cpx32", 80],
    );
    const larger = await provider.update(SERVER, updated, { ...inputs, serverType: "cpx42", keepDisk: false });
    assert.ok(Number(larger.outputs.primaryDiskSize) > 80);
    await assert.rejects(provider.update(SERVER, larger, { ...larger.inputs, serverType: "cpx22" }), (failure) => {
      assert.match(String(failure), /invalid_server_type|disk/);
      assert.equal(keptBy(failure)?.id, larger.id, "state follows what happened on the way");
      return true;
    });
    await bury(provider, SERVER, larger);
  });

  it("is asked to shut down before its deletion if the program wants so", async () => {
    const made = await provider.create(SERVER, { ...base, name: "polite", shutdownBeforeDeletion: true });
    assert.deepEqual(await callsOf(() => provider.remove(SERVER, made)), [
      "POST /servers/actions/shutdown",
      "DELETE /servers",
    ]);
    const rude = await provider.create(SERVER, { ...base, name: "rude" });
    assert.deepEqual(await callsOf(() => provider.remove(SERVER, rude)), ["DELETE /servers"]);
  });

  it("changes its public addresses while it is off, and starts again", async () => {
    const ip = async (name: string): Promise<number> =>
      (await cloud.hcloud("POST", "/primary_ips", { name, type: "ipv4", assignee_type: "server", location: "fsn1" }))
        .primary_ip.id;
    const [first, second] = [await ip("first"), await ip("second")];
    const made = await provider.create(SERVER, { ...base, name: "moving", publicNets: [{ ipv4: first }] });
    const inputs = { ...made.inputs, publicNets: [{ ipv4: second, ipv6Enabled: false }] };
    const updated = await grow(provider, SERVER, made, inputs, { changed: ["publicNets"] });
    const shown = await live(updated);
    assert.deepEqual([shown.status, shown.public_net.ipv4.id, shown.public_net.ipv6], ["running", second, null]);
    const none = { ...made.inputs, publicNets: [{ ipv4Enabled: false }] };
    const last = await grow(provider, SERVER, updated, none, { changed: ["publicNets"] });
    const final = await live(last);
    assert.deepEqual([final.public_net.ipv4, final.public_net.ipv6 === null], [null, false]);
    await bury(provider, SERVER, last);
  });

  it("replaces by deleting first when it carries a name of the program, else by creating first", async () => {
    const named = await provider.create(SERVER, { ...base, name: "fixed" });
    const moved = await provider.diff(SERVER, named, { ...base, name: "fixed", location: "nbg1" });
    assert.deepEqual([moved.replaces, moved.deleteBeforeReplace], [["location"], true]);
    const free = await provider.create(SERVER, base);
    assert.match(String(free.outputs.name), /^res-[0-9a-f]{7}$/);
    const again = await provider.diff(SERVER, free, { ...base, location: "nbg1" });
    assert.deepEqual([again.replaces, again.deleteBeforeReplace], [["location"], false]);
    await provider.remove(SERVER, named);
    await provider.remove(SERVER, free);
  });

  it("asks for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
