/** How the stand-in calls the API: retries, waiting for actions, and what it makes of failures. */

import assert from "node:assert/strict";
import { afterEach, after, before, describe, it } from "node:test";
import { HcloudApi } from "../../../../local/plugins/hcloud/api.ts";
import { hcloudPackage } from "../../../../local/plugins/hcloud/package.ts";
import { parseDuration } from "../../../../local/plugins/hcloud/duration.ts";
import type { FaultInput } from "../../../../local/shared/faults.ts";
import { type LocalCloud, startCloud, TOKEN } from "../localCloud.ts";
import { hcloudProvider, keptBy, openProvider, type Provider } from "../provider.ts";

const NETWORK = "hcloud:index/network:Network";
const SUBNET = "hcloud:index/networkSubnet:NetworkSubnet";
const ROUTE = "hcloud:index/networkRoute:NetworkRoute";
const SERVER = "hcloud:index/server:Server";
const VOLUME = "hcloud:index/volume:Volume";
const ATTACHMENT = "hcloud:index/volumeAttachment:VolumeAttachment";

const refusal = (status: number, code: string): FaultInput["effect"] => ({
  type: "error",
  status,
  code,
  message: code,
});

describe("calls", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let networkId: number;
  before(async () => {
    cloud = await startCloud();
    provider = await hcloudProvider(cloud);
    networkId = (await cloud.hcloud("POST", "/networks", { name: "n", ip_range: "10.0.0.0/8" })).network.id;
  });
  afterEach(() => cloud.liftFaults());
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  let counter = 0;
  const network = () => {
    counter += 1;
    return { name: `net-${counter}`, ipRange: "10.0.0.0/16" };
  };
  const posts = (path: string): number => cloud.requests().filter((line) => line === `POST ${path}`).length;

  for (const [status, code] of [
    [409, "conflict"],
    [429, "rate_limit_exceeded"],
    [502, "bad_gateway"],
    [504, "timeout"],
  ] as const) {
    it(`are repeated up to five times after ${status} ${code}`, async () => {
      const before = posts("/networks");
      cloud.fault({ api: "hetzner", method: "POST", path: "/networks", times: 5, effect: refusal(status, code) });
      await provider.remove(NETWORK, await provider.create(NETWORK, network()));
      assert.equal(posts("/networks") - before, 6);
    });
  }

  it("are given up after the sixth refusal, and nothing is kept", async () => {
    const before = posts("/networks");
    cloud.fault({ api: "hetzner", method: "POST", path: "/networks", effect: refusal(409, "conflict") });
    const failure: unknown = await provider.create(NETWORK, network()).catch((error: unknown) => error);
    assert.match(String(failure), /POST \/networks: conflict \(conflict\)/);
    assert.equal(keptBy(failure), undefined);
    assert.equal(posts("/networks") - before, 6);
  });

  for (const [status, code] of [
    [423, "locked"],
    [422, "invalid_input"],
    [403, "forbidden"],
    [500, "server_error"],
    [503, "unavailable"],
  ] as const) {
    it(`are not repeated after ${status} ${code}, where the provider does not either`, async () => {
      const before = posts("/networks");
      cloud.fault({ api: "hetzner", method: "POST", path: "/networks", times: 1, effect: refusal(status, code) });
      await assert.rejects(provider.create(NETWORK, network()), new RegExp(code));
      assert.equal(posts("/networks") - before, 1);
    });
  }

  it("wait out a lock where the provider does: attaching a volume", async () => {
    const { server } = await cloud.hcloud("POST", "/servers", {
      name: "s",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
    });
    const volume = await provider.create(VOLUME, { name: "v", size: 10, location: "fsn1" });
    const path = "/volumes/*/actions/attach";
    cloud.fault({ api: "hetzner", method: "POST", path, times: 3, effect: refusal(423, "locked") });
    const inputs = { volumeId: Number(volume.id), serverId: server.id };
    const made = await provider.create(ATTACHMENT, inputs);
    cloud.liftFaults();
    const leave = "/volumes/*/actions/detach";
    cloud.fault({ api: "hetzner", method: "POST", path: leave, times: 2, effect: refusal(423, "locked") });
    await provider.remove(ATTACHMENT, made);
    assert.equal((await cloud.hcloud("GET", `/volumes/${volume.id}`)).volume.server, null);
    await provider.remove(VOLUME, volume);
    await cloud.hcloud("DELETE", `/servers/${server.id}`);
  });

  it("wait until a subnet is really free: service_error", async () => {
    const inputs = { networkId, type: "cloud", networkZone: "eu-central", ipRange: "10.9.0.0/24" };
    const made = await provider.create(SUBNET, inputs);
    const path = "/networks/*/actions/delete_subnet";
    cloud.fault({ api: "hetzner", method: "POST", path, times: 2, effect: refusal(500, "service_error") });
    await provider.remove(SUBNET, made);
    assert.equal(await provider.read(SUBNET, made), undefined);
  });

  it("wait for the action, and poll instead of asking again", async () => {
    const slow = await startCloud(60);
    const patient = await hcloudProvider(slow);
    const made = await patient.create(NETWORK, network());
    const started = performance.now();
    await patient.create(ROUTE, { networkId: Number(made.id), destination: "10.100.0.0/24", gateway: "10.0.0.2" });
    assert.ok(performance.now() - started >= 55);
    assert.equal(slow.requests().filter((line) => line.endsWith("/actions/add_route")).length, 1);
    await patient.close();
    await slow.close();
  });

  it("name the action that failed, and keep the resource it belongs to", async () => {
    const effect = {
      type: "action_failure",
      command: "add_subnet",
      code: "vswitch_error",
      message: "no vlan",
    } as const;
    cloud.fault({ api: "hetzner", times: 1, effect });
    const inputs = { networkId, type: "cloud", networkZone: "eu-central", ipRange: "10.10.0.0/24" };
    const failure: unknown = await provider.create(SUBNET, inputs).catch((error: unknown) => error);
    assert.match(String(failure), /action add_subnet \d+: no vlan \(vswitch_error\)/);
    const alive = await provider.read(SUBNET, { id: `${networkId}-10.10.0.0/24` });
    assert.equal(keptBy(failure)?.id, alive?.id, "kept exactly if it exists");
  });

  it("say which field the API refused", async () => {
    await assert.rejects(
      provider.create(SERVER, { name: "bad name!", serverType: "cpx22", image: "debian-13", location: "fsn1" }),
      /POST \/servers: .*\(invalid_input\) \[name: /,
    );
  });

  it("never repeat a change whose outcome is unknown", async () => {
    const id = cloud.fault({ api: "hetzner", method: "POST", path: "/networks", effect: { type: "drop" } });
    await assert.rejects(provider.create(NETWORK, network()), /connection lost .*run pulumi refresh/);
    assert.equal(cloud.struck(id), 1);
  });

  it("repeat a read that took too long", async () => {
    const api = new HcloudApi({
      endpoint: cloud.hetzner.endpoint,
      token: TOKEN,
      pollIntervalMs: 1,
      pollFunction: "constant",
      timeoutMs: 150,
      signal: new AbortController().signal,
    });
    const slow = { type: "slow", milliseconds: 400 } as const;
    const id = cloud.fault({ api: "hetzner", path: "/networks/*", times: 2, effect: slow });
    assert.ok((await api.find(`/networks/${networkId}`)) !== undefined);
    assert.equal(cloud.struck(id), 2);
    const change = cloud.fault({ api: "hetzner", method: "PUT", path: "/networks/*", effect: slow });
    await assert.rejects(api.put(`/networks/${networkId}`, { name: "n" }), /no answer within 0\.15 s; .*may have/);
    assert.equal(cloud.struck(change), 1);
  });

  it("carry the token, and a wrong one is told as such", async () => {
    const stranger = await openProvider(hcloudPackage);
    await stranger.configure({ endpoint: cloud.hetzner.endpoint, token: "x".repeat(64), pollInterval: "1ms" });
    await assert.rejects(stranger.create(NETWORK, network()), /PERMISSION_DENIED.*unauthorized/);
    await stranger.close();
  });
});

describe("durations of pollInterval", () => {
  it("are those of Go", () => {
    assert.deepEqual(["500ms", "1s", "1m30s", "1.5s", "2h"].map(parseDuration), [500, 1000, 90_000, 1500, 7_200_000]);
    assert.deepEqual(
      ["", "5", "s", "1 s", "-1s", "1d"].map(parseDuration),
      Array.from({ length: 6 }, () => undefined),
    );
  });
});
