import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { after, afterEach, before, describe, it } from "node:test";
import { assertReplacedBy, bear, bury } from "../life.ts";
import type { LocalCloud } from "../localCloud.ts";
import { keptBy, type Provider, type Resource } from "../provider.ts";
import { base, openServerStage, SERVER, type ServerStage } from "./serverStage.ts";

describe("Server", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let networkId: number;
  let live: ServerStage["live"];
  let callsOf: ServerStage["callsOf"];
  let close: ServerStage["close"];
  before(async () => {
    ({ cloud, provider, networkId, live, callsOf, close } = await openServerStage());
  });
  afterEach(() => cloud.liftFaults());
  after(() => close());

  it("is created with all it can have, and everything of it can be read back", async () => {
    const { firewall } = await cloud.hcloud("POST", "/firewalls", { name: "fw" });
    const { placement_group } = await cloud.hcloud("POST", "/placement_groups", { name: "pg", type: "spread" });
    const inputs = {
      ...base,
      name: "full",
      userData: "#cloud-config\n{}\n",
      sshKeys: ["admin"],
      labels: { role: "web" },
      backups: true,
      firewallIds: [firewall.id],
      placementGroupId: placement_group.id,
      networks: [{ networkId, ip: "10.1.1.5", aliasIps: ["10.1.1.7", "10.1.1.6"] }],
      deleteProtection: true,
      rebuildProtection: true,
    };
    const made = await bear(provider, SERVER, { inputs, hidden: ["userData", "sshKeys", "networks"] });
    const { outputs } = made;
    assert.equal(outputs.userData, createHash("sha1").update(inputs.userData).digest("base64"));
    assert.deepEqual([outputs.status, outputs.primaryDiskSize, outputs.image], ["running", 80, "debian-13"]);
    assert.notEqual(outputs.backupWindow, "");
    const shown = await live(made);
    assert.equal(outputs.ipv4Address, shown.public_net.ipv4.ip);
    assert.equal(outputs.ipv6Address, shown.public_net.ipv6.ip.replace(/\/64$/, "1"));
    assert.deepEqual(shown.private_net[0].ip, "10.1.1.5");
    await assertReplacedBy(provider, SERVER, made, {
      image: "debian-12",
      location: "nbg1",
      userData: "other",
      sshKeys: ["other"],
    });
    await assert.rejects(provider.remove(SERVER, made), /protected/);
    const freed = { ...inputs, deleteProtection: false, rebuildProtection: false };
    await bury(provider, SERVER, await provider.update(SERVER, made, freed));
  });

  it("joins its networks before it first starts when it has no public address", async () => {
    const inputs = {
      ...base,
      name: "private",
      publicNets: [{ ipv4Enabled: false, ipv6Enabled: false }],
      networks: [{ subnetId: `${networkId}-10.1.1.0/24`, ip: "10.1.1.99" }],
    };
    let made: Resource | undefined;
    const calls = await callsOf(async () => {
      made = await provider.create(SERVER, inputs);
    });
    assert.deepEqual(calls, [
      "POST /servers",
      "POST /servers/actions/attach_to_network",
      "POST /servers/actions/poweron",
    ]);
    assert.ok(made !== undefined);
    assert.deepEqual([made.outputs.status, made.outputs.ipv4Address], ["running", undefined]);
    assert.equal((await provider.diff(SERVER, made, inputs)).changed, false);
    await bury(provider, SERVER, made);
  });

  it("is kept when it was made but could not join its network, and starts in the next run", async () => {
    const inputs = {
      ...base,
      name: "interrupted",
      publicNets: [{ ipv4Enabled: false, ipv6Enabled: false }],
      networks: [{ networkId, ip: "10.1.1.98" }],
    };
    const effect = { type: "error", status: 422, code: "invalid_input", message: "network is on fire" } as const;
    cloud.fault({ api: "hetzner", method: "POST", path: "/servers/*/actions/attach_to_network", times: 1, effect });
    const failure: unknown = await provider.create(SERVER, inputs).catch((error: unknown) => error);
    const kept = keptBy(failure);
    assert.ok(kept !== undefined, String(failure));
    assert.match(kept.reasons.join(), /network is on fire/);
    assert.equal((await live(kept)).status, "off");
    // The engine calls update with the same inputs for a resource whose initialisation failed.
    const checked = (await provider.check(SERVER, inputs)).inputs;
    const resource = { id: kept.id, inputs: checked, outputs: kept.outputs };
    const converged = await provider.update(SERVER, resource, inputs);
    assert.deepEqual([converged.outputs.status, converged.outputs.__startPending], ["running", undefined]);
    assert.equal((await live(kept)).private_net[0].ip, "10.1.1.98");
    await bury(provider, SERVER, converged);
  });

  it("keeps its id when the creation itself fails, unless it is gone", async () => {
    cloud.fault({
      api: "hetzner",
      times: 1,
      effect: { type: "action_failure", command: "start_server", code: "action_failed", message: "no power" },
    });
    const failure: unknown = await provider
      .create(SERVER, { ...base, name: "failed" })
      .catch((error: unknown) => error);
    const kept = keptBy(failure);
    assert.ok(kept !== undefined, String(failure));
    assert.match(kept.reasons.join(), /no power/);
    assert.equal(kept.outputs.name, "failed");
    await provider.remove(SERVER, { id: kept.id, inputs: base, outputs: kept.outputs });
    cloud.fault({ api: "hetzner", effect: { type: "stock_out" } });
    const refused: unknown = await provider.create(SERVER, { ...base, name: "none" }).catch((error: unknown) => error);
    assert.match(String(refused), /resource_unavailable/);
    assert.equal(keptBy(refused), undefined, "nothing exists, so nothing is kept");
  });

  it("gets the image of its architecture", async () => {
    const arm = await provider.create(SERVER, { ...base, name: "arm", serverType: "cax11" });
    assert.equal((await live(arm)).image.architecture, "arm");
    await provider.remove(SERVER, arm);
    await assert.rejects(provider.create(SERVER, { ...base, name: "x", image: "plan9" }), /image: image "plan9"/);
    await assert.rejects(provider.create(SERVER, { ...base, name: "x", serverType: "cx0" }), /server type "cx0" not/);
    await assert.rejects(provider.create(SERVER, { ...base, name: "x", sshKeys: ["nobody"] }), /SSH key "nobody" not/);
  });

  it("refuses contradictory inputs, all at once", async () => {
    const faults = async (more: Resource["inputs"]): Promise<readonly string[]> =>
      (await provider.check(SERVER, { ...base, name: "x", ...more })).faults.map(({ property }) => property);
    assert.deepEqual(
      await faults({ networks: [{ networkId: 1 }, { subnetId: "1-10.0.0.0/24" }, { ip: "10.0.0.2" }] }),
      ["networks", "networks[2]"],
    );
    assert.deepEqual(await faults({ publicNets: [{ ipv4Enabled: false, ipv4: 3 }] }), ["publicNets[0].ipv4"]);
    assert.deepEqual(await faults({ image: "", userData: "x".repeat(32_769) }), ["image", "userData"]);
    const missing = await provider.check(SERVER, { ipv4Address: "192.0.2.1" });
    assert.deepEqual(
      missing.faults.map(({ property }) => property),
      ["ipv4Address", "serverType"],
    );
  });

  it("ignores firewalls that others applied only when told so", async () => {
    const { firewall } = await cloud.hcloud("POST", "/firewalls", { name: "foreign" });
    const made = await provider.create(SERVER, {
      ...base,
      name: "tolerant",
      firewallIds: [],
      ignoreRemoteFirewallIds: true,
    });
    const strict = await provider.create(SERVER, { ...base, name: "strict", firewallIds: [] });
    for (const { id } of [made, strict]) {
      await cloud.hcloud("POST", `/firewalls/${firewall.id}/actions/apply_to_resources`, {
        apply_to: [{ type: "server", server: { id: Number(id) } }],
      });
    }
    for (const [resource, drifts] of [
      [made, false],
      [strict, true],
    ] as const) {
      const read = await provider.read(SERVER, resource);
      assert.ok(read !== undefined);
      assert.equal((await provider.diff(SERVER, read, resource.inputs)).changed, drifts);
      await provider.remove(SERVER, resource);
    }
  });

  it("asks for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
