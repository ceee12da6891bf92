/** SSH keys, placement groups, certificates, networks, firewalls. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type LocalCloud, startCloud } from "../localCloud.ts";
import { assertReplacedBy, bear, bury, grow } from "../life.ts";
import { hcloudProvider, type Provider, type Resource } from "../provider.ts";
import { selfSigned } from "../certificates.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj first@test";
const OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFgq2x3HsmdJcTf6U4EN6ZjpLsYc0EEl1jLpPgTzKjEo second@test";

const SSH_KEY = "hcloud:index/sshKey:SshKey";
const GROUP = "hcloud:index/placementGroup:PlacementGroup";
const CERTIFICATE = "hcloud:index/uploadedCertificate:UploadedCertificate";
const NETWORK = "hcloud:index/network:Network";
const SUBNET = "hcloud:index/networkSubnet:NetworkSubnet";
const ROUTE = "hcloud:index/networkRoute:NetworkRoute";
const FIREWALL = "hcloud:index/firewall:Firewall";
const ATTACHMENT = "hcloud:index/firewallAttachment:FirewallAttachment";
const SERVER = "hcloud:index/server:Server";

describe("plain resources", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  before(async () => {
    cloud = await startCloud();
    provider = await hcloudProvider(cloud);
  });
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const refused = async (type: string, inputs: Resource["inputs"], ...properties: readonly string[]): Promise<void> => {
    const { faults } = await provider.check(type, inputs);
    assert.deepEqual(
      faults.map(({ property }) => property),
      properties,
    );
  };

  it("SshKey", async () => {
    const inputs = { name: "key", publicKey: `${KEY}\n`, labels: { team: "ops" } };
    const made = await bear(provider, SSH_KEY, { inputs });
    assert.match(String(made.outputs.fingerprint), /^[0-9a-f:]{47}$/);
    await assertReplacedBy(provider, SSH_KEY, made, { publicKey: OTHER_KEY });
    const changed = { name: "renamed", publicKey: KEY };
    await bury(provider, SSH_KEY, await grow(provider, SSH_KEY, made, changed, { changed: ["name", "labels"] }));
  });

  it("PlacementGroup", async () => {
    const made = await bear(provider, GROUP, { inputs: { name: "spread", type: "spread" } });
    await refused(GROUP, { name: "x", type: "pack" }, "type");
    const grown = await grow(
      provider,
      GROUP,
      made,
      { name: "g", type: "spread", labels: { a: "b" } },
      {
        changed: ["name", "labels"],
      },
    );
    await bury(provider, GROUP, grown);
  });

  it("UploadedCertificate", async () => {
    const { certificate, privateKey } = await selfSigned("web.example.com");
    const inputs = { name: "cert", certificate, privateKey };
    const made = await bear(provider, CERTIFICATE, { inputs, hidden: ["privateKey"] });
    assert.deepEqual(made.outputs.domainNames, ["web.example.com"]);
    await assertReplacedBy(provider, CERTIFICATE, made, { privateKey: "other", certificate: "other" });
    await bury(provider, CERTIFICATE, made);
  });

  it("Network, NetworkSubnet and NetworkRoute", async () => {
    const network = await bear(provider, NETWORK, { inputs: { name: "net", ipRange: "10.0.0.0/16" } });
    await assertReplacedBy(provider, NETWORK, network, { ipRange: "10.0.0.0/8" });
    const networkId = Number(network.id);
    const subnetInputs = { networkId, type: "cloud", networkZone: "eu-central", ipRange: "10.0.1.0/24" };
    const subnet = await bear(provider, SUBNET, { inputs: subnetInputs });
    assert.equal(subnet.id, `${networkId}-10.0.1.0/24`);
    assert.equal(subnet.outputs.gateway, "10.0.0.1");
    await assertReplacedBy(provider, SUBNET, subnet, { ipRange: "10.0.2.0/24", networkZone: "us-east" });
    const routeInputs = { networkId, destination: "10.100.1.0/24", gateway: "10.0.1.1" };
    const route = await bear(provider, ROUTE, { inputs: routeInputs });
    await assertReplacedBy(provider, ROUTE, route, { destination: "10.100.2.0/24", gateway: "10.0.1.2" });
    await bury(provider, ROUTE, route);
    await bury(provider, SUBNET, subnet);
    await bury(provider, NETWORK, network);
  });

  it("Network in place, with protection that the deletion does not lift", async () => {
    const inputs = { name: "safe", ipRange: "10.1.0.0/16", deleteProtection: true };
    const made = await bear(provider, NETWORK, { inputs });
    await assert.rejects(provider.remove(NETWORK, made), /protected/);
    const changed = { name: "free", ipRange: "10.1.0.0/16", labels: { a: "b" }, exposeRoutesToVswitch: true };
    const freed = await grow(provider, NETWORK, made, changed, {
      changed: ["name", "labels", "deleteProtection", "exposeRoutesToVswitch"],
    });
    await bury(provider, NETWORK, freed);
  });

  it("refuses ranges with host bits, and text that is no range", async () => {
    await refused(NETWORK, { name: "n", ipRange: "10.0.0.1/16" }, "ipRange");
    await refused(NETWORK, { name: "n", ipRange: "ten" }, "ipRange");
    await refused(NETWORK, { name: "n", ipRange: "10.0.0.0/16", labels: { "-bad": "a b" } }, "labels");
  });

  it("Firewall, in which the order of rules and the spelling of addresses mean nothing", async () => {
    const ssh = { direction: "in", protocol: "tcp", port: "22", sourceIps: ["192.0.2.0/24", "2001:db8::/32"] };
    const ping = { direction: "in", protocol: "icmp", sourceIps: ["0.0.0.0/0"], description: "ping" };
    const made = await bear(provider, FIREWALL, { inputs: { name: "fw", rules: [ssh, ping] } });
    const spelt = { ...ssh, port: "22", sourceIps: ["2001:0db8:0::/32", "192.0.2.0/24"] };
    assert.equal((await provider.diff(FIREWALL, made, { name: "fw", rules: [ping, spelt] })).changed, false);
    const out = { direction: "out", protocol: "udp", port: "53", destinationIps: ["0.0.0.0/0"] };
    const grown = await grow(
      provider,
      FIREWALL,
      made,
      { name: "fw2", rules: [ssh, out] },
      { changed: ["name", "rules"] },
    );
    assert.equal((await cloud.hcloud("GET", `/firewalls/${made.id}`)).firewall.rules.length, 2);
    await refused(FIREWALL, { name: "x", rules: [{ direction: "up", protocol: "tcp" }] }, "rules[0].direction");
    await bury(provider, FIREWALL, grown);
  });

  it("Firewall.applyTos and FirewallAttachment follow servers and selectors", async () => {
    const base = { serverType: "cpx22", image: "debian-13", location: "fsn1" };
    const one = await provider.create(SERVER, { ...base, name: "fw-one" });
    const two = await provider.create(SERVER, { ...base, name: "fw-two" });
    const inline = await bear(provider, FIREWALL, {
      inputs: { name: "inline", applyTos: [{ server: Number(one.id) }, { labelSelector: "role=web" }] },
    });
    const moved = await grow(
      provider,
      FIREWALL,
      inline,
      { name: "inline", applyTos: [{ server: Number(two.id) }] },
      {
        changed: ["applyTos"],
      },
    );
    const cleared = await grow(provider, FIREWALL, moved, { name: "inline", applyTos: [] }, { changed: ["applyTos"] });
    await bury(provider, FIREWALL, cleared);

    const firewall = await provider.create(FIREWALL, { name: "attached" });
    const firewallId = Number(firewall.id);
    const made = await bear(provider, ATTACHMENT, {
      inputs: { firewallId, serverIds: [Number(one.id)], labelSelectors: ["role=web"] },
    });
    const grown = await grow(
      provider,
      ATTACHMENT,
      made,
      { firewallId, serverIds: [Number(two.id)] },
      {
        changed: ["serverIds", "labelSelectors"],
      },
    );
    await refused(ATTACHMENT, { firewallId }, "serverIds");
    await provider.remove(ATTACHMENT, grown);
    await provider.remove(ATTACHMENT, grown);
    assert.deepEqual((await cloud.hcloud("GET", `/firewalls/${firewallId}`)).firewall.applied_to, []);
    await bury(provider, FIREWALL, firewall);
    await provider.remove(SERVER, one);
    await provider.remove(SERVER, two);
  });

  it("asks for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});

describe("ids that name nothing", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  before(async () => {
    cloud = await startCloud();
    provider = await hcloudProvider(cloud);
  });
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const IDS: Readonly<Record<string, readonly string[]>> = {
    [SSH_KEY]: ["1"],
    [GROUP]: ["1"],
    [CERTIFICATE]: ["1"],
    [NETWORK]: ["1"],
    [SUBNET]: ["1-10.0.0.0/24", "nonsense"],
    [ROUTE]: ["1-10.0.0.0/24", "nonsense"],
    [FIREWALL]: ["1"],
    [ATTACHMENT]: ["1"],
    [SERVER]: ["1"],
    "hcloud:index/serverNetwork:ServerNetwork": ["1-1", "nonsense"],
    "hcloud:index/volume:Volume": ["1"],
    "hcloud:index/volumeAttachment:VolumeAttachment": ["1"],
    "hcloud:index/primaryIp:PrimaryIp": ["1"],
    "hcloud:index/floatingIp:FloatingIp": ["1"],
    "hcloud:index/floatingIpAssignment:FloatingIpAssignment": ["1"],
    "hcloud:index/rdns:Rdns": ["s-1-192.0.2.1", "x-1-192.0.2.1", "nonsense"],
    "hcloud:index/loadBalancer:LoadBalancer": ["1"],
    "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork": ["1-1", "nonsense"],
    "hcloud:index/loadBalancerService:LoadBalancerService": ["1__80", "nonsense"],
    "hcloud:index/loadBalancerTarget:LoadBalancerTarget": ["1__server__1", "nonsense"],
    "hcloud:index/snapshot:Snapshot": ["1"],
  };

  for (const [type, ids] of Object.entries(IDS)) {
    it(`${type} ${ids.join(", ")}`, async () => {
      for (const id of ids) {
        assert.equal(await provider.read(type, { id }), undefined, id);
      }
    });
  }
});
