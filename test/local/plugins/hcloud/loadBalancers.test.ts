import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { selfSigned } from "../certificates.ts";
import { assertReplacedBy, bear, bury, grow } from "../life.ts";
import { type LocalCloud, startCloud } from "../localCloud.ts";
import { hcloudProvider, type Provider, type Resource } from "../provider.ts";

const BALANCER = "hcloud:index/loadBalancer:LoadBalancer";
const NETWORK = "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork";
const SERVICE = "hcloud:index/loadBalancerService:LoadBalancerService";
const TARGET = "hcloud:index/loadBalancerTarget:LoadBalancerTarget";

describe("load balancers", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let balancer: Resource;
  let serverId: number;
  let networkId: number;
  before(async () => {
    cloud = await startCloud();
    provider = await hcloudProvider(cloud);
    const { network } = await cloud.hcloud("POST", "/networks", {
      name: "private",
      ip_range: "10.0.0.0/16",
      subnets: [{ type: "cloud", ip_range: "10.0.1.0/24", network_zone: "eu-central" }],
    });
    networkId = network.id;
    const { server } = await cloud.hcloud("POST", "/servers", {
      name: "web",
      server_type: "cpx22",
      image: "debian-13",
      location: "fsn1",
      networks: [networkId],
    });
    serverId = server.id;
    balancer = await provider.create(BALANCER, { name: "lb", loadBalancerType: "lb11", location: "fsn1" });
  });
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const faults = async (type: string, inputs: Resource["inputs"]): Promise<readonly string[]> =>
    (await provider.check(type, inputs)).faults.map(({ property }) => property);

  it("LoadBalancer", async () => {
    const inputs = { name: "own", loadBalancerType: "lb11", location: "fsn1", algorithm: { type: "round_robin" } };
    const made = await bear(provider, BALANCER, { inputs });
    await assertReplacedBy(provider, BALANCER, made, { location: "nbg1" });
    const next = {
      ...inputs,
      name: "own2",
      loadBalancerType: "lb21",
      algorithm: { type: "least_connections" },
      labels: { a: "b" },
      deleteProtection: true,
    };
    const grown = await grow(provider, BALANCER, made, next, {
      changed: ["name", "loadBalancerType", "algorithm", "labels", "deleteProtection"],
    });
    await assert.rejects(provider.remove(BALANCER, grown), /protected/);
    const withTarget = { ...next, deleteProtection: false, targets: [{ type: "server", serverId }] };
    const third = await grow(provider, BALANCER, grown, withTarget, { changed: ["deleteProtection", "targets"] });
    await bury(provider, BALANCER, third);
    assert.deepEqual(await faults(BALANCER, { name: "x", loadBalancerType: "lb11" }), ["location"]);
  });

  it("LoadBalancerNetwork by subnet and by network", async () => {
    const loadBalancerId = Number(balancer.id);
    const bySubnet = {
      loadBalancerId,
      subnetId: `${networkId}-10.0.1.0/24`,
      ip: "10.0.1.50",
      enablePublicInterface: false,
    };
    const made = await bear(provider, NETWORK, { inputs: bySubnet, hidden: ["subnetId"] });
    assert.equal(made.id, `${loadBalancerId}-${networkId}`);
    await assertReplacedBy(provider, NETWORK, made, { enablePublicInterface: true, ip: "10.0.1.51" });
    await bury(provider, NETWORK, made);
    const second = await bear(provider, NETWORK, { inputs: { loadBalancerId, networkId } });
    const { load_balancer } = await cloud.hcloud("GET", `/load_balancers/${loadBalancerId}`);
    assert.equal(load_balancer.public_net.enabled, true);
    await bury(provider, NETWORK, second);
    assert.deepEqual(await faults(NETWORK, { loadBalancerId }), ["subnetId"]);
    assert.deepEqual(await faults(NETWORK, { loadBalancerId, networkId, subnetId: bySubnet.subnetId }), ["subnetId"]);
  });

  it("LoadBalancerService of every protocol", async () => {
    const tcp = {
      loadBalancerId: balancer.id,
      protocol: "tcp",
      listenPort: 8080,
      destinationPort: 80,
      proxyprotocol: true,
      healthCheck: { protocol: "tcp", port: 80, interval: 10, timeout: 5 },
    };
    const made = await bear(provider, SERVICE, { inputs: tcp });
    assert.equal(made.id, `${balancer.id}__8080`);
    await assertReplacedBy(provider, SERVICE, made, { listenPort: 8081 });
    const healthCheck = {
      protocol: "http",
      port: 81,
      interval: 12,
      timeout: 6,
      retries: 4,
      http: { domain: "example.com", path: "/health", statusCodes: ["2??", "3??"] },
    };
    const grown = await grow(
      provider,
      SERVICE,
      made,
      { ...tcp, destinationPort: 81, healthCheck },
      {
        changed: ["destinationPort", "healthCheck"],
      },
    );
    await bury(provider, SERVICE, grown);

    const http = await bear(provider, SERVICE, {
      inputs: { loadBalancerId: balancer.id, protocol: "http", http: { stickySessions: true, cookieName: "LB" } },
    });
    assert.equal(http.outputs.listenPort, 80);
    await bury(provider, SERVICE, http);

    const { certificate, privateKey } = await selfSigned("lb.example.com");
    const uploaded = await cloud.hcloud("POST", "/certificates", {
      type: "uploaded",
      name: "c",
      certificate,
      private_key: privateKey,
    });
    const https = await bear(provider, SERVICE, {
      inputs: {
        loadBalancerId: balancer.id,
        protocol: "https",
        http: { certificates: [uploaded.certificate.id], redirectHttp: true },
      },
    });
    assert.equal(https.outputs.listenPort, 443);
    await bury(provider, SERVICE, https);
    assert.deepEqual(await faults(SERVICE, { loadBalancerId: balancer.id, protocol: "tcp" }), ["listenPort"]);
  });

  it("LoadBalancerTarget: a server, a selector and an address", async () => {
    const loadBalancerId = Number(balancer.id);
    const server = await bear(provider, TARGET, {
      inputs: { loadBalancerId, type: "server", serverId },
      importId: () => `${loadBalancerId}__server__${serverId}`,
    });
    await assertReplacedBy(provider, TARGET, server, { serverId: serverId + 1 });
    await bury(provider, TARGET, server);
    const selector = await bear(provider, TARGET, {
      inputs: { loadBalancerId, type: "label_selector", labelSelector: "role=web" },
      importId: () => `${loadBalancerId}__label_selector__role=web`,
    });
    await bury(provider, TARGET, selector);
    assert.deepEqual(await faults(TARGET, { loadBalancerId, type: "server", ip: "192.0.2.1" }), ["serverId"]);
    assert.deepEqual(await faults(TARGET, { loadBalancerId, type: "ip", ip: "192.0.2.1", usePrivateIp: true }), [
      "usePrivateIp",
    ]);
  });

  it("LoadBalancerTarget over the private network, switched in place", async () => {
    const loadBalancerId = Number(balancer.id);
    const attached = await provider.create(NETWORK, { loadBalancerId, networkId });
    const inputs = { loadBalancerId, type: "server", serverId };
    const made = await provider.create(TARGET, { ...inputs, usePrivateIp: true });
    assert.equal(made.outputs.usePrivateIp, true);
    const open = await grow(provider, TARGET, made, { ...inputs, usePrivateIp: false }, { changed: ["usePrivateIp"] });
    await bury(provider, TARGET, open);
    await provider.remove(NETWORK, attached);
    await assert.rejects(
      provider.create(TARGET, { ...inputs, usePrivateIp: true }),
      /no private network; attach it with LoadBalancerNetwork first/,
    );
  });

  it("asks for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
