import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Captured } from "../support/capture.ts";
import { unknown } from "../support/capture.ts";
import { assertGolden } from "../support/golden.ts";
import { captureProgram, planOf, stacks } from "./programs.ts";
import { describeResource, renderTree } from "./tree.ts";

const serverType = "hcloud:index/server:Server";

const servers = (resources: readonly Captured[]): readonly Captured[] =>
  resources.filter(({ type }) => type === serverType);

const serverOf = (resources: readonly Captured[], hostname: string): Captured => {
  const found = servers(resources).find(({ inputs }) => inputs.name === hostname);
  assert.ok(found, `${hostname} is not registered`);
  return found;
};

type Attachment = Readonly<Record<string, unknown>>;

const networksOf = ({ inputs }: Captured): readonly Attachment[] => inputs.networks as readonly Attachment[];

const names = (resources: readonly Captured[]): readonly string[] => resources.map(({ name }) => name);

describe("every phase", () => {
  for (const stack of stacks) {
    it(`${stack} registers exactly the tree of its golden file`, async () => {
      assertGolden(`stacks/${stack}.yaml`, renderTree(await captureProgram(planOf(stack))));
    });

    it(`${stack} registers every machine, volume, address, firewall and record of its plan once, and no other`, async () => {
      const plan = planOf(stack);
      const { resources } = await captureProgram(plan);
      const registered = (type: string) =>
        resources.filter((resource) => resource.type === type).map(({ inputs }) => String(inputs.name));
      const planned = (entries: readonly { readonly providerName: string }[]) =>
        entries.map((entry) => entry.providerName);
      const same = (actual: readonly string[], expected: readonly string[]) =>
        assert.deepEqual(actual.toSorted(byText), expected.toSorted(byText));
      same(
        registered(serverType),
        plan.machines.map((machine) => machine.hostname),
      );
      same(registered("hcloud:index/volume:Volume"), planned(plan.volumes));
      same(registered("hcloud:index/primaryIp:PrimaryIp"), planned(plan.primaryIps));
      same(registered("hcloud:index/firewall:Firewall"), planned(plan.firewalls));
      same(registered("hcloud:index/placementGroup:PlacementGroup"), planned(plan.placementGroups));
      same(registered("hcloud:index/sshKey:SshKey"), planned(plan.sshKeys));
      same(
        registered("cloudflare:index/dnsRecord:DnsRecord"),
        plan.edge.records.map((record) => record.fqdn),
      );
    });

    it(`${stack} sends no secret to a provider`, async () => {
      const { resources } = await captureProgram(planOf(stack));
      assert.deepEqual(
        resources.flatMap(({ name, secrets }) => secrets.map((path) => `${name}: ${path}`)),
        [],
      );
    });

    it(`${stack} previews the same resources before anything exists`, async () => {
      const plan = planOf(stack);
      const [real, preview] = [await captureProgram(plan), await captureProgram(plan, { preview: true })];
      assert.deepEqual(names(preview.resources), names(real.resources));
      for (const server of servers(preview.resources)) {
        const [network] = networksOf(server);
        assert.equal(network?.networkId, unknown, `${server.name}: the network's id is not known yet`);
        assert.equal(typeof network?.ip, "string", `${server.name}: its address is`);
      }
    });

    it(`${stack} makes nothing before the network, which guards the phase`, async () => {
      const { resources } = await captureProgram(planOf(stack));
      // A machine is registered after its tier, which waits.
      const others = resources.filter(
        ({ type, name }) => !name.startsWith("network") && type !== "chitlaq:machine:Machine",
      );
      for (const { name, options } of others) {
        assert.ok(options.dependsOn.includes("chitlaq:network:Network network"), name);
      }
    });

    it(`${stack} gives each machine its own boot document and its place in the network at creation`, async () => {
      const plan = planOf(stack);
      const { resources } = await captureProgram(plan);
      for (const machine of plan.machines) {
        const server = serverOf(resources, machine.hostname);
        assert.equal(server.inputs.userData, `user data of ${machine.name}`);
        assert.deepEqual(
          networksOf(server).map(({ ip }) => ip),
          [machine.privateIp],
        );
      }
    });
  }
});

describe("machines without a public address", () => {
  for (const stack of ["phase2", "phase3"] as const) {
    it(`${stack}: are created after the gateway that carries their first downloads`, async () => {
      const plan = planOf(stack);
      const { resources } = await captureProgram(plan);
      const privateOnes = plan.machines.filter((machine) => machine.primaryIp === null);
      assert.ok(privateOnes.length >= 3);
      for (const { hostname } of privateOnes) {
        const { inputs, options } = serverOf(resources, hostname);
        assert.deepEqual(options.dependsOn, ["chitlaq:network:Network network", "chitlaq:machine:Machine lb-1"]);
        assert.deepEqual(inputs.publicNets, [{ ipv4Enabled: false, ipv6Enabled: false }]);
        assert.ok(!("firewallIds" in inputs), "Hetzner's firewalls do not see private traffic");
      }
    });

    it(`${stack}: include every database, Redis and k3s machine`, () => {
      const behind = planOf(stack).machines.filter((machine) => machine.role !== "load-balancer");
      assert.deepEqual(
        behind.filter((machine) => machine.primaryIp !== null),
        [],
      );
    });
  }
});

describe("growing", () => {
  it("adds the new machine and changes nothing about the others", async () => {
    const treeOf = async (count: number) => {
      const { resources, names: ids } = await captureProgram(planOf("phase2", { api: { count } }));
      return new Map(resources.map((resource) => [resource.name, describeResource(resource, ids)]));
    };
    const [two, three] = [await treeOf(2), await treeOf(3)];
    const added = [...three.keys()].filter((name) => !two.has(name));
    assert.deepEqual(added, ["api-3", "api-3-server"]);
    for (const [name, tree] of two) assert.deepEqual(three.get(name), tree, name);
  });

  it("changes a phase 1 server's type in its own input, and keeps the disk", async () => {
    const serverOf = async (type: string) => {
      const { resources } = await captureProgram(planOf("phase1", { server: { serverType: type } }));
      return servers(resources)[0]?.inputs ?? {};
    };
    const [small, large] = [await serverOf("cpx21"), await serverOf("cpx41")];
    assert.equal(small.serverType, "cpx21");
    assert.deepEqual({ ...small, serverType: "cpx41" }, large);
    assert.equal(large.keepDisk, true);
  });
});

const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
