/** What hangs on a server: volumes, addresses, reverse DNS, networks, snapshots. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type LocalCloud, startCloud } from "../localCloud.ts";
import { assertReplacedBy, bear, bury, grow } from "../life.ts";
import { hcloudProvider, type Provider, type Resource } from "../provider.ts";

const SERVER = "hcloud:index/server:Server";
const SERVER_NETWORK = "hcloud:index/serverNetwork:ServerNetwork";
const VOLUME = "hcloud:index/volume:Volume";
const VOLUME_ATTACHMENT = "hcloud:index/volumeAttachment:VolumeAttachment";
const PRIMARY_IP = "hcloud:index/primaryIp:PrimaryIp";
const FLOATING_IP = "hcloud:index/floatingIp:FloatingIp";
const ASSIGNMENT = "hcloud:index/floatingIpAssignment:FloatingIpAssignment";
const RDNS = "hcloud:index/rdns:Rdns";
const SNAPSHOT = "hcloud:index/snapshot:Snapshot";

describe("what hangs on a server", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let one: Resource;
  let two: Resource;
  before(async () => {
    cloud = await startCloud();
    provider = await hcloudProvider(cloud);
    const base = { serverType: "cpx22", image: "debian-13", location: "fsn1" };
    one = await provider.create(SERVER, { ...base, name: "one" });
    two = await provider.create(SERVER, { ...base, name: "two" });
  });
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const faults = async (type: string, inputs: Resource["inputs"]): Promise<readonly string[]> =>
    (await provider.check(type, inputs)).faults.map(({ property }) => property);

  it("Volume grows, moves and is never made smaller", async () => {
    const made = await bear(provider, VOLUME, {
      inputs: { name: "data", size: 10, location: "fsn1", format: "ext4" },
      hidden: ["format"],
    });
    assert.match(String(made.outputs.linuxDevice), /^\/dev\/disk\/by-id\//);
    await assertReplacedBy(provider, VOLUME, made, { location: "nbg1" });
    const inputs = { name: "data2", size: 20, serverId: Number(one.id), format: "ext4", labels: { a: "b" } };
    const grown = await grow(provider, VOLUME, made, inputs, { changed: ["name", "size", "serverId", "labels"] });
    const moved = { ...inputs, serverId: Number(two.id) };
    const second = await grow(provider, VOLUME, grown, moved, { changed: ["serverId"] });
    assert.equal((await cloud.hcloud("GET", `/volumes/${made.id}`)).volume.server, Number(two.id));
    await assert.rejects(provider.update(VOLUME, second, { ...moved, size: 15 }), /size/);
    assert.deepEqual(await faults(VOLUME, { name: "v", size: 5 }), ["size"]);
    assert.deepEqual(await faults(VOLUME, { name: "v", size: 10 }), ["location"]);
    await bury(provider, VOLUME, second);
  });

  it("VolumeAttachment", async () => {
    const volume = await provider.create(VOLUME, { name: "plain", size: 10, location: "fsn1" });
    const inputs = { volumeId: Number(volume.id), serverId: Number(one.id), automount: false };
    const made = await bear(provider, VOLUME_ATTACHMENT, { inputs, hidden: ["automount"] });
    await assertReplacedBy(provider, VOLUME_ATTACHMENT, made, { serverId: Number(two.id), automount: true });
    assert.equal((await provider.diff(VOLUME, volume, volume.inputs)).changed, false, "the volume does not mind");
    await bury(provider, VOLUME_ATTACHMENT, made);
    await bury(provider, VOLUME, volume);
  });

  it("PrimaryIp stops its server when it leaves it, and starts it again", async () => {
    const made = await bear(provider, PRIMARY_IP, {
      inputs: { name: "ip", type: "ipv4", location: "fsn1", autoDelete: false },
    });
    assert.match(String(made.outputs.ipAddress), /^\d+\.\d+\.\d+\.\d+$/);
    await assertReplacedBy(provider, PRIMARY_IP, made, { type: "ipv6", location: "hel1" });
    const inputs = { name: "ip2", type: "ipv4", location: "fsn1", autoDelete: true, labels: { a: "b" } };
    const grown = await grow(provider, PRIMARY_IP, made, inputs, { changed: ["name", "autoDelete", "labels"] });
    const server = await provider.create(SERVER, {
      name: "with-ip",
      serverType: "cpx22",
      image: "debian-13",
      location: "fsn1",
      publicNets: [{ ipv4: Number(grown.id), ipv6Enabled: false }],
    });
    assert.equal(server.outputs.ipv4Address, made.outputs.ipAddress);
    const refreshed = await provider.read(PRIMARY_IP, grown);
    assert.equal(refreshed?.outputs.assigneeId, Number(server.id));
    const imported = await provider.read(PRIMARY_IP, { id: grown.id });
    assert.deepEqual(await faults(PRIMARY_IP, imported?.inputs ?? {}), []);
    assert.equal((await provider.diff(PRIMARY_IP, grown, inputs)).changed, false);
    await bury(provider, PRIMARY_IP, grown);
    assert.equal((await cloud.hcloud("GET", `/servers/${server.id}`)).server.status, "running");
    await provider.remove(SERVER, server);
    assert.deepEqual(await faults(PRIMARY_IP, { name: "p", type: "ipv4", assigneeId: 1, location: "fsn1" }), [
      "location",
    ]);
  });

  it("PrimaryIp under protection stays, but its server has lost it by then", async () => {
    const inputs = { name: "kept", type: "ipv4", location: "fsn1", deleteProtection: true };
    const made = await bear(provider, PRIMARY_IP, { inputs });
    const { server } = await cloud.hcloud("POST", "/servers", {
      name: "robbed",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      public_net: { ipv4: Number(made.id) },
    });
    const before = cloud.requests().length;
    await assert.rejects(provider.remove(PRIMARY_IP, made), /protected/);
    const deletions = cloud
      .requests()
      .slice(before)
      .filter((line) => line.startsWith("DELETE"));
    assert.equal(deletions.length, 1, "a protected resource is not tried again");
    const live = (await cloud.hcloud("GET", `/servers/${server.id}`)).server;
    assert.deepEqual([live.status, live.public_net.ipv4], ["running", null]);
    await bury(provider, PRIMARY_IP, await provider.update(PRIMARY_IP, made, { ...inputs, deleteProtection: false }));
    await cloud.hcloud("DELETE", `/servers/${server.id}`);
  });

  it("FloatingIp and FloatingIpAssignment", async () => {
    const inputs = { name: "float", type: "ipv4", homeLocation: "fsn1", description: "first" };
    const made = await bear(provider, FLOATING_IP, { inputs });
    await assertReplacedBy(provider, FLOATING_IP, made, { type: "ipv6", homeLocation: "hel1" });
    const grown = await grow(
      provider,
      FLOATING_IP,
      made,
      { ...inputs, description: "second", labels: { a: "b" } },
      {
        changed: ["description", "labels"],
      },
    );
    const floatingIpId = Number(made.id);
    const assigned = await bear(provider, ASSIGNMENT, { inputs: { floatingIpId, serverId: Number(one.id) } });
    assert.equal((await provider.diff(FLOATING_IP, grown, grown.inputs)).changed, false);
    const moved = await grow(
      provider,
      ASSIGNMENT,
      assigned,
      { floatingIpId, serverId: Number(two.id) },
      {
        changed: ["serverId"],
      },
    );
    await bury(provider, ASSIGNMENT, moved);
    const bound = await grow(
      provider,
      FLOATING_IP,
      grown,
      { ...grown.inputs, serverId: Number(one.id) },
      {
        changed: ["serverId"],
      },
    );
    await bury(provider, FLOATING_IP, bound);
    assert.deepEqual(await faults(FLOATING_IP, { name: "f", type: "ipv4" }), ["homeLocation"]);
    const six = await bear(provider, FLOATING_IP, { inputs: { name: "six", type: "ipv6", homeLocation: "fsn1" } });
    assert.match(String(six.outputs.ipNetwork), /:.*\/64$/);
    await bury(provider, FLOATING_IP, six);
  });

  it("Rdns of a server, a primary and a floating IP", async () => {
    const primary = await provider.create(PRIMARY_IP, { name: "r-ip", type: "ipv4", location: "fsn1" });
    const floating = await provider.create(FLOATING_IP, { name: "r-fip", type: "ipv4", homeLocation: "fsn1" });
    const targets = [
      { owner: "serverId", resource: one, ipAddress: String(one.outputs.ipv4Address), prefix: "s" },
      { owner: "serverId", resource: one, ipAddress: String(one.outputs.ipv6Address), prefix: "s" },
      { owner: "primaryIpId", resource: primary, ipAddress: String(primary.outputs.ipAddress), prefix: "p" },
      { owner: "floatingIpId", resource: floating, ipAddress: String(floating.outputs.ipAddress), prefix: "f" },
    ];
    for (const { owner, resource, ipAddress, prefix } of targets) {
      const inputs = { [owner]: Number(resource.id), ipAddress, dnsPtr: "a.example.com" };
      const made = await bear(provider, RDNS, { inputs });
      assert.equal(made.id, `${prefix}-${resource.id}-${ipAddress}`);
      await assertReplacedBy(provider, RDNS, made, { ipAddress: "192.0.2.200" });
      const grown = await grow(provider, RDNS, made, { ...inputs, dnsPtr: "b.example.com" }, { changed: ["dnsPtr"] });
      await provider.remove(RDNS, grown);
      await provider.remove(RDNS, grown);
    }
    assert.deepEqual(await faults(RDNS, { ipAddress: "192.0.2.1", dnsPtr: "x.example.com" }), ["serverId"]);
    assert.deepEqual(await faults(RDNS, { serverId: 1, primaryIpId: 2, ipAddress: "192.0.2.1", dnsPtr: "x" }), [
      "serverId",
    ]);
    await provider.remove(PRIMARY_IP, primary);
    await provider.remove(FLOATING_IP, floating);
  });

  it("ServerNetwork with a chosen address and aliases", async () => {
    const { network } = await cloud.hcloud("POST", "/networks", {
      name: "private",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
    });
    const inputs = { serverId: Number(one.id), subnetId: `${network.id}-10.0.1.0/24`, ip: "10.0.1.7" };
    const made = await bear(provider, SERVER_NETWORK, { inputs, hidden: ["subnetId"] });
    assert.equal(made.id, `${one.id}-${network.id}`);
    assert.match(String(made.outputs.macAddress), /^[0-9a-f:]{17}$/);
    await assertReplacedBy(provider, SERVER_NETWORK, made, { ip: "10.0.1.8" });
    const aliased = { ...inputs, aliasIps: ["10.0.1.21", "10.0.1.20"] };
    const grown = await grow(provider, SERVER_NETWORK, made, aliased, { changed: ["aliasIps"] });
    const reordered = { ...inputs, aliasIps: ["10.0.1.20", "10.0.1.21"] };
    assert.equal((await provider.diff(SERVER_NETWORK, grown, reordered)).changed, false);
    assert.deepEqual(await faults(SERVER_NETWORK, { serverId: 1 }), ["subnetId"]);
    assert.deepEqual(await faults(SERVER_NETWORK, { serverId: 1, networkId: 4, subnetId: "5-10.0.0.0/24" }), [
      "subnetId",
    ]);
    await bury(provider, SERVER_NETWORK, grown);
    await cloud.hcloud("DELETE", `/networks/${network.id}`);
  });

  it("Snapshot", async () => {
    const inputs = { serverId: Number(one.id), description: "before the change" };
    const made = await bear(provider, SNAPSHOT, { inputs });
    await assertReplacedBy(provider, SNAPSHOT, made, { serverId: Number(two.id) });
    const changed = { serverId: Number(one.id), description: "after", labels: { keep: "yes" } };
    await bury(
      provider,
      SNAPSHOT,
      await grow(provider, SNAPSHOT, made, changed, { changed: ["description", "labels"] }),
    );
  });

  it("asks for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
