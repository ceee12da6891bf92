import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import type { Properties } from "../../../../local/plugins/core/values.ts";
import { type Answer, type LocalCloud, startCloud } from "../localCloud.ts";
import { hcloudProvider, type Provider } from "../provider.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj first@test";

describe("functions", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let server: Answer;
  let network: Answer;
  let key: Answer;
  let ip: Answer;
  before(async () => {
    cloud = await startCloud();
    provider = await hcloudProvider(cloud);
    key = (await cloud.hcloud("POST", "/ssh_keys", { name: "k", public_key: KEY, labels: { a: "1" } })).ssh_key;
    network = (
      await cloud.hcloud("POST", "/networks", {
        name: "n",
        ip_range: "10.0.0.0/16",
        labels: { a: "1" },
        subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
      })
    ).network;
    ip = (await cloud.hcloud("POST", "/primary_ips", { name: "i", type: "ipv4", location: "fsn1", labels: { a: "1" } }))
      .primary_ip;
    const body = { server_type: "cpx22", image: "debian-13", location: "fsn1", labels: { a: "1" } };
    server = (await cloud.hcloud("POST", "/servers", { ...body, name: "s1", networks: [network.id] })).server;
    await cloud.hcloud("POST", "/servers", { ...body, name: "s2", labels: { a: "2" } });
  });
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const call = (name: string, args: Properties = {}): Promise<Answer> =>
    provider.invoke(`hcloud:index/${name}:${name}`, args);
  const refused = (name: string, args: Properties, pattern: RegExp): Promise<void> =>
    assert.rejects(call(name, args), pattern);

  it("getServerType and getServerTypes", async () => {
    const type = await call("getServerType", { name: "cpx22" });
    assert.deepEqual([type.cores, type.memory, type.disk, type.architecture], [2, 4, 80, "x86"]);
    assert.ok(type.locations.some((location: Answer) => location.name === "fsn1" && location.available));
    assert.deepEqual(await call("getServerType", { id: type.id }), type);
    const all = await call("getServerTypes");
    assert.equal(all.serverTypes.length, all.names.length);
    assert.ok(all.names.includes("cax11"));
    await refused("getServerType", { name: "cx0" }, /server type with name "cx0" not found/);
    await refused("getServerType", {}, /give exactly one of id, name/);
  });

  it("getLocation and getLocations", async () => {
    const location = await call("getLocation", { name: "hel1" });
    assert.deepEqual([location.networkZone, location.country], ["eu-central", "FI"]);
    assert.deepEqual((await call("getLocations")).names, ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"]);
    await refused("getLocation", { id: 99 }, /location with id 99 not found/);
  });

  it("getImage and getImages, for the wanted architecture", async () => {
    const x86 = await call("getImage", { name: "debian-13" });
    const arm = await call("getImage", { name: "debian-13", withArchitecture: "arm" });
    assert.deepEqual([x86.architecture, arm.architecture, x86.osFlavor], ["x86", "arm", "debian"]);
    assert.notEqual(x86.id, arm.id);
    assert.equal((await call("getImage", { id: arm.id })).architecture, "arm");
    const arms = (await call("getImages", { withArchitectures: ["arm"] })).images;
    assert.ok(arms.length > 0 && arms.every(({ architecture }: Answer) => architecture === "arm"));
    const { image } = await cloud.hcloud("POST", `/servers/${server.id}/actions/create_image`, {
      type: "snapshot",
      description: "first",
      labels: { snap: "yes" },
    });
    assert.equal((await call("getImage", { withSelector: "snap=yes" })).id, image.id);
    await cloud.hcloud("POST", `/servers/${server.id}/actions/create_image`, {
      type: "snapshot",
      description: "second",
      labels: { snap: "yes" },
    });
    await refused("getImage", { withSelector: "snap=yes" }, /2 images match selector "snap=yes"/);
    assert.equal((await call("getImage", { withSelector: "snap=yes", mostRecent: true })).description, "second");
    await refused("getImage", { name: "plan9" }, /image "plan9" for architecture x86 not found/);
  });

  it("getNetwork, getSshKey, getSshKeys and getPrimaryIp, by every way they can be found", async () => {
    for (const args of [{ id: network.id }, { name: "n" }, { withSelector: "a=1" }]) {
      assert.deepEqual(
        [(await call("getNetwork", args)).id, (await call("getNetwork", args)).ipRange],
        [network.id, "10.0.0.0/16"],
      );
    }
    for (const args of [{ id: key.id }, { name: "k" }, { fingerprint: key.fingerprint }, { withSelector: "a=1" }]) {
      assert.equal((await call("getSshKey", args)).publicKey, KEY);
    }
    assert.deepEqual(
      (await call("getSshKeys", { withSelector: "a=1" })).sshKeys.map(({ name }: Answer) => name),
      ["k"],
    );
    assert.deepEqual((await call("getSshKeys", { withSelector: "a=9" })).sshKeys, []);
    for (const args of [{ id: ip.id }, { name: "i" }, { ipAddress: ip.ip }, { withSelector: "a=1" }]) {
      assert.equal((await call("getPrimaryIp", args)).ipAddress, ip.ip);
    }
    await refused("getNetwork", { name: "absent" }, /network with name "absent" not found/);
    await refused("getSshKey", { id: 1, name: "k" }, /exactly one of/);
    await refused("getPrimaryIp", { withSelector: "a=9" }, /primary IP with selector "a=9" not found/);
  });

  it("getServer and getServers", async () => {
    for (const args of [{ id: server.id }, { name: "s1" }, { withSelector: "a=1" }]) {
      const found = await call("getServer", args);
      assert.deepEqual([found.id, found.status, found.serverType], [server.id, "running", "cpx22"]);
      assert.deepEqual([found.networks.length, found.networks[0].networkId], [1, network.id]);
    }
    assert.deepEqual(
      (await call("getServers")).servers.map(({ name }: Answer) => name),
      ["s1", "s2"],
    );
    assert.deepEqual(
      (await call("getServers", { withSelector: "a=2" })).servers.map(({ name }: Answer) => name),
      ["s2"],
    );
    assert.deepEqual((await call("getServers", { withStatuses: ["off"] })).servers, []);
    await refused("getServer", { withSelector: "a" }, /2 servers match/);
  });

  it("refuse arguments they do not know", () =>
    refused("getServer", { colour: "red", id: 1 }, /colour: not a property/));

  it("ask for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
