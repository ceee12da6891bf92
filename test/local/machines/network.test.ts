import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { renderFirewall } from "../../../local/machines/network/firewall.ts";
import { assignSlots, planNetwork, type Slots } from "../../../local/machines/network/plan.ts";
import { type Extras, type Host, topologyOf } from "./support.ts";

const plan = (hosts: readonly Host[], extras?: Extras) => {
  const topology = topologyOf(hosts, extras);
  const slots = assignSlots(topology.servers, new Map());
  return { ...planNetwork(topology, slots), firewall: renderFirewall(topology, slots) };
};
const adds = (hosts: readonly Host[], extras?: Extras): string[] => plan(hosts, extras).items.map(({ add }) => add);

test("a card keeps its name whatever networks come and go, and no two cards of a server share one", () => {
  const nets = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { maxLength: 3 });
  const serverWith = (networks: readonly number[]) => ({
    ...topologyOf([{ id: 1 }]).servers[0],
    privateNets: networks.map((id) => ({
      networkId: id,
      ip: `10.${id}.0.2`,
      aliasIps: [],
      macAddress: `86:00:00:00:00:0${id}`,
    })),
  });
  fc.assert(
    fc.property(fc.array(nets, { minLength: 1, maxLength: 8 }), (history) => {
      let slots: Slots = new Map();
      for (const networks of history) {
        const next = assignSlots([serverWith(networks) as never], slots);
        for (const [mac, slot] of slots) if (next.has(mac)) assert.equal(next.get(mac), slot);
        assert.equal(new Set(next.values()).size, networks.length);
        assert.ok([...next.values()].every((slot) => slot >= 7 && slot <= 9));
        slots = next;
      }
    }),
  );
});

test("private addresses are routed in their network's table only, public ones in the main table only", () => {
  const lines = adds([{ id: 1, publicIpv4: "5.75.1.1", privateIp: "10.0.1.1", aliasIps: ["10.0.1.9"] }]);
  const routes = lines.filter((line) => line.startsWith("route "));
  assert.deepEqual(
    routes.filter((line) => !line.includes("table")),
    ["route replace 5.75.1.1/32 dev p1"],
  );
  assert.ok(routes.includes("route replace 10.0.1.1/32 dev q1n7 table 1007"));
  assert.ok(routes.includes("route replace 10.0.1.9/32 via 10.0.1.1 dev q1n7 onlink table 1007"));
  assert.ok(routes.includes("route replace blackhole 10.0.0.0/16 table 1007"));
  assert.ok(lines.includes("rule add pref 101 iif q1n7 unreachable"));
});

test("a route of the network leads to the server that holds the gateway address, alias included; to nobody without one", () => {
  const routes = [{ destination: "0.0.0.0/0", gateway: "10.0.1.9" }];
  const wanted = "route replace 0.0.0.0/0 dev q1n7 via 10.0.1.1 onlink table 1007";
  assert.ok(adds([{ id: 1, privateIp: "10.0.1.1", aliasIps: ["10.0.1.9"] }], { routes }).includes(wanted));
  assert.ok(!adds([{ id: 1, privateIp: "10.0.1.1" }], { routes }).some((line) => line.includes("0.0.0.0/0")));
});

test("a server without public addresses has no public card; IPv6 is a /64 of its own", () => {
  assert.deepEqual(
    plan([{ id: 1, privateIp: "10.0.1.1" }]).links.map(({ inside }) => inside),
    ["enp7s0"],
  );
  const lines = adds([{ id: 1, publicIpv4: "5.75.1.1", floatingIps: ["2001:db8:0:7::5"] }]);
  assert.ok(lines.includes("route replace 2001:db8:0:7::/64 dev p1"));
});

test("the same topology in another order is the same plan but for the order", () => {
  const hosts: Host[] = [1, 2, 3].map((id) => ({ id, publicIpv4: `5.75.1.${id}`, privateIp: `10.0.1.${id}` }));
  const shuffled = fc.shuffledSubarray(hosts, { minLength: 3 });
  fc.assert(fc.property(shuffled, (order) => assert.deepEqual(new Set(adds(order)), new Set(adds(hosts)))));
});

const chainOf = (text: string, name: string): string[] => {
  const [, body] = new RegExp(`chain ${name} \\{\\n([^}]*?)\\n  \\}`).exec(text) ?? [];
  return (body ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
};
const inRule = (port: string | null, sourceIps: readonly string[], protocol: "tcp" | "udp" | "icmp" = "tcp") =>
  ({ direction: "in", protocol, port, sourceIps, destinationIps: [] }) as const;

test("a firewall's rules become one line per range, and what they do not name is dropped", () => {
  const firewall = [
    inRule("80-85", ["0.0.0.0/0", "::/0"]),
    inRule("22", ["203.0.113.7/32"]),
    inRule(null, ["::/0"], "icmp"),
    inRule("any", ["198.51.100.0/24"], "udp"),
  ];
  const { firewall: text } = plan([{ id: 1, publicIpv4: "5.75.1.1", firewall }]);
  assert.deepEqual(chainOf(text, "in_p1"), [
    "meta nfproto ipv4 tcp dport 80-85 accept",
    "meta nfproto ipv6 tcp dport 80-85 accept",
    "ip saddr 203.0.113.7/32 tcp dport 22 accept",
    "meta nfproto ipv6 meta l4proto ipv6-icmp accept",
    "ip saddr 198.51.100.0/24 meta l4proto udp accept",
    "drop",
  ]);
  assert.deepEqual(chainOf(text, "out_p1"), [], "without rules for it, outgoing traffic is free");
});

test("no firewall accepts everything, a firewall without rules nothing", () => {
  assert.deepEqual(chainOf(plan([{ id: 1, publicIpv4: "5.75.1.1" }]).firewall, "in_p1"), ["accept"]);
  assert.deepEqual(chainOf(plan([{ id: 1, publicIpv4: "5.75.1.1", firewall: [] }]).firewall, "in_p1"), ["drop"]);
});

test("a card sends from its own addresses, a gateway also for those behind its route", () => {
  const routes = [{ destination: "192.168.9.0/24", gateway: "10.0.1.1" }];
  const { firewall } = plan(
    [
      { id: 1, privateIp: "10.0.1.1", aliasIps: ["10.0.1.9"] },
      { id: 2, privateIp: "10.0.1.2" },
    ],
    { routes },
  );
  assert.deepEqual(chainOf(firewall, "from_q1n7"), [
    "ip saddr 10.0.1.1 return",
    "ip saddr 10.0.1.9 return",
    "ip saddr 192.168.9.0/24 return",
    "drop",
  ]);
  assert.deepEqual(chainOf(firewall, "from_q2n7"), ["ip saddr 10.0.1.2 return", "drop"]);
});
