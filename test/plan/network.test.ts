import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import ipaddr from "ipaddr.js";
import { highestOrdinal } from "../../config/machine-groups.ts";
import { gatewayOf, privateAddress, subnetOf } from "../../plan/network.ts";
import type { Phase, Role } from "../../plan/types.ts";
import { machineOf, planOf } from "../support/platform.ts";

describe("the private network", () => {
  it("has a /24 for each tier that is used", () => {
    assert.deepEqual(planOf(1).network.subnets, [{ name: "edge", ipRange: "10.0.1.0/24" }]);
    assert.deepEqual(planOf(3).network.subnets, [
      { name: "edge", ipRange: "10.0.1.0/24" },
      { name: "app", ipRange: "10.0.2.0/24" },
      { name: "data", ipRange: "10.0.3.0/24" },
      { name: "cache", ipRange: "10.0.4.0/24" },
    ]);
  });

  it("puts machine n of a role at a fixed place of its tier", () => {
    const plan = planOf(3);
    const addresses = ["lb-2", "k3s-server-3", "k3s-agent-2", "db-1", "redis-3"].map(
      (name) => machineOf(plan, name).privateIp,
    );
    assert.deepEqual(addresses, ["10.0.1.12", "10.0.2.193", "10.0.2.102", "10.0.3.11", "10.0.4.13"]);
  });

  it("moves as a whole with its range", () => {
    const plan = planOf(2, { network: { ipRange: "172.20.240.0/20" } });
    assert.equal(plan.network.gateway, "172.20.240.1");
    assert.equal(machineOf(plan, "redis-1").privateIp, "172.20.244.11");
    assert.deepEqual(plan.services.database.clientRanges, ["172.20.242.0/24"]);
  });

  it("sends what has no public address through the first load balancer", () => {
    assert.deepEqual(planOf(3).network.routes, [
      { name: "egress", destination: "0.0.0.0/0", machine: "lb-1", gateway: "10.0.1.11" },
    ]);
    assert.deepEqual(planOf(1).network.routes, []);
  });

  it("lies in the zone of its location", () => {
    const zones = ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"].map(
      (location) => planOf(1, { location }).network.networkZone,
    );
    assert.deepEqual(zones, ["eu-central", "eu-central", "eu-central", "us-east", "us-west", "ap-southeast"]);
  });
});

/** Aligned private ranges of /16 to /20. */
const range = fc
  .record({
    prefix: fc.integer({ min: 16, max: 20 }),
    base: fc.constantFrom([10, 0, 256], [172, 16, 15], [192, 168, 1]),
    second: fc.nat(),
    third: fc.nat(),
  })
  .map(({ prefix, base: [first = 0, start = 0, width = 1], second, third }) => {
    const block = 2 ** (24 - prefix);
    return `${first}.${start + (second % width)}.${(Math.floor(third / block) * block) % 256}.0/${prefix}`;
  });

const roles: readonly Role[] = ["server", "load-balancer", "api", "database", "redis", "k3s-server", "k3s-agent"];

describe("addresses", () => {
  it("are inside their subnet and the network, and no two machines share one", () => {
    fc.assert(
      fc.property(range, fc.constantFrom<Phase>(1, 2, 3), (ipRange, phase) => {
        const { network, machines } = planOf(phase, {
          network: { ipRange },
          ...(phase === 3 ? { k3s: { clusterCidr: "100.64.0.0/16", serviceCidr: "100.65.0.0/16" } } : {}),
        });
        const inside = (address: string, cidr: string) => ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(cidr));
        for (const machine of machines) {
          const subnet = network.subnets.find((candidate) => candidate.name === machine.subnet);
          assert.ok(subnet !== undefined && inside(machine.privateIp, subnet.ipRange));
          assert.ok(inside(machine.privateIp, ipRange));
        }
        assert.equal(new Set(machines.map((machine) => machine.privateIp)).size, machines.length);
        assert.equal(network.gateway, gatewayOf(ipRange));
      }),
      { numRuns: 100 },
    );
  });

  it("of any two machines differ, even of two phases", () => {
    fc.assert(
      fc.property(range, (ipRange) => {
        const seen = new Map<string, string>([[gatewayOf(ipRange), "gateway"]]);
        for (const role of roles) {
          for (let ordinal = 1; ordinal <= highestOrdinal; ordinal += 1) {
            const address = privateAddress(ipRange, role, ordinal);
            assert.equal(seen.get(address), undefined, `${role} ${ordinal} has the address of ${seen.get(address)}`);
            seen.set(address, `${role} ${ordinal}`);
            assert.ok(Number(address.split(".")[3]) <= 254);
          }
        }
      }),
      { numRuns: 20 },
    );
  });

  it("of tiers do not overlap", () => {
    fc.assert(
      fc.property(range, (ipRange) => {
        const subnets = (["edge", "app", "data", "cache"] as const).map((tier) => subnetOf(ipRange, tier).ipRange);
        assert.equal(new Set(subnets).size, 4);
        for (const subnet of subnets) assert.match(subnet, /\.0\/24$/);
      }),
    );
  });
});
