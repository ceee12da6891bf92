import type { FirewallRule, NetworkTopology, ServerTopology, Topology } from "../../hetzner/driver.ts";
import {
  hasPublicSide,
  internetDevice,
  membersOf,
  metadataAddress,
  publicAddresses,
  publicDevice,
  publicGateway,
  type Slots,
  serviceAddress,
  tableOf,
} from "./plan.ts";

const set = (values: readonly string[]): string => `{ ${values.join(", ")} }`;
const isV6 = (cidr: string): boolean => cidr.includes(":");

const matchAddress = (side: "saddr" | "daddr", cidr: string): string => {
  if (cidr === "0.0.0.0/0") return "meta nfproto ipv4";
  if (cidr === "::/0") return "meta nfproto ipv6";
  return `${isV6(cidr) ? "ip6" : "ip"} ${side} ${cidr}`;
};

const matchProtocol = ({ protocol, port }: FirewallRule, cidr: string): string => {
  if (protocol === "icmp") return isV6(cidr) ? "meta l4proto ipv6-icmp" : "meta l4proto icmp";
  if (protocol === "esp" || protocol === "gre" || port === null || port === "any") return `meta l4proto ${protocol}`;
  return `${protocol} dport ${port}`;
};

/** One line per rule and address range: ranges of one rule may overlap, which a set of nftables does not take. */
const permissions = (rules: readonly FirewallRule[], direction: "in" | "out"): string[] =>
  rules
    .filter((rule) => rule.direction === direction)
    .flatMap((rule) => {
      const side = direction === "in" ? "saddr" : "daddr";
      const ranges = direction === "in" ? rule.sourceIps : rule.destinationIps;
      const verdict = direction === "in" ? "accept" : "return";
      return ranges.map((cidr) => `${matchAddress(side, cidr)} ${matchProtocol(rule, cidr)} ${verdict}`);
    });

/** No firewall lets everything in; a firewall without a rule for the direction lets nothing in (docs.hetzner.com/cloud/firewalls). */
const inbound = ({ firewall }: ServerTopology): string[] =>
  firewall === null ? ["accept"] : [...permissions(firewall, "in"), "drop"];

/** Only a firewall that has rules for outgoing traffic restricts it (same source). */
const outbound = ({ firewall }: ServerTopology): string[] => {
  const rules = permissions(firewall ?? [], "out");
  return rules.length === 0 ? [] : [...rules, "drop"];
};

const publicSource = (server: ServerTopology): string[] => {
  const { v4, v6 } = publicAddresses(server);
  return [
    ...(v4.length === 0 ? ["meta nfproto ipv4 drop"] : [`ip saddr != ${set(v4)} drop`]),
    `ip6 saddr != ${set(["fe80::/10", "::", ...v6])} drop`,
  ];
};

type Card = { readonly device: string; readonly network: number; readonly sources: readonly string[] };

/** What a card may send from: its addresses, and those behind it by a route of the network (answers a NAT gateway forwards). */
const cardsOf = (network: NetworkTopology, topology: Topology, slots: Slots): Card[] =>
  membersOf(network, topology.servers, slots).map(({ device, ip, aliasIps }) => {
    const own = [ip, ...aliasIps];
    const behind = network.routes.filter(({ gateway }) => own.includes(gateway)).map(({ destination }) => destination);
    return { device, network: network.id, sources: [...own, ...behind] };
  });

const privateSource = ({ sources }: Card): string[] => [
  ...sources.map((cidr) => `${matchAddress("saddr", cidr)} return`),
  "drop",
];

const chain = (name: string, lines: readonly string[]): string =>
  `  chain ${name} {\n${lines.map((line) => `    ${line}\n`).join("")}  }\n`;

const jumps = (word: string, verb: string, devices: readonly string[], prefix: string): string[] =>
  devices.length === 0
    ? []
    : [`${word} vmap { ${devices.map((device) => `"${device}" : ${verb} ${prefix}_${device}`).join(", ")} }`];

/**
 * The packet filters of Hetzner's side as one table of nftables, outside the machines where they cannot be turned off:
 * senders are who they say they are, firewalls of the API filter public interfaces, and nothing crosses between the public
 * side and the private networks. The text replaces the table in one transaction.
 */
export const renderFirewall = (topology: Topology, slots: Slots): string => {
  const servers = topology.servers.filter(hasPublicSide);
  const publicDevices = servers.map(({ id }) => publicDevice(id));
  const cards = topology.networks.flatMap((network) => cardsOf(network, topology, slots));
  const privateDevices = cards.map(({ device }) => device);
  const balancers = topology.loadBalancers.map(({ publicIpv4 }) => publicIpv4).filter((ip) => ip !== null);
  return [
    "table inet cloud\ndelete table inet cloud\ntable inet cloud {\n",
    ...servers.map((server) => chain(`from_${publicDevice(server.id)}`, publicSource(server))),
    ...servers.map((server) => chain(`in_${publicDevice(server.id)}`, inbound(server))),
    ...servers.map((server) => chain(`out_${publicDevice(server.id)}`, outbound(server))),
    ...cards.map((card) => chain(`from_${card.device}`, privateSource(card))),
    chain("prerouting", [
      "type filter hook prerouting priority mangle; policy accept;",
      "udp sport 68 udp dport 67 return",
      ...jumps("iifname", "jump", [...publicDevices, ...privateDevices], "from"),
      ...cards.map(({ device, network }) => `iifname "${device}" ct mark set ${tableOf(network)}`),
    ]),
    // Every private network has a metadata service of its own behind the common address.
    chain("services", [
      "type nat hook prerouting priority dstnat; policy accept;",
      ...cards.map(
        ({ device, network }) =>
          `iifname "${device}" ip daddr ${metadataAddress} dnat ip to ${serviceAddress(network)}`,
      ),
    ]),
    // Answers go back into the network the question came from; a lease comes from its network's gateway.
    chain("reroute", [
      "type route hook output priority mangle; policy accept;",
      "ct mark != 0 meta mark set ct mark",
      ...topology.networks.map(
        ({ id, gateway }) =>
          `ip saddr ${serviceAddress(id)} udp sport 67 meta mark set ${tableOf(id)} ip saddr set ${gateway}`,
      ),
    ]),
    chain("input", [
      "type filter hook input priority filter; policy accept;",
      'iifname "p*" udp sport 68 udp dport 67 accept',
      `iifname "p*" ip daddr != ${set([publicGateway, metadataAddress, ...balancers])} drop`,
    ]),
    chain("forward", [
      "type filter hook forward priority filter; policy drop;",
      "ct state established,related accept",
      `iifname "${internetDevice}" oifname "${internetDevice}" drop`,
      ...jumps("iifname", "jump", publicDevices, "out"),
      ...jumps("oifname", "goto", publicDevices, "in"),
      `iifname "p*" oifname "${internetDevice}" accept`,
      'iifname "q*" oifname "q*" accept',
    ]),
    // Load balancers reach public targets through the same filter; answers and DHCP are not theirs.
    chain("output", [
      "type filter hook output priority filter; policy accept;",
      "ct state established,related accept",
      "udp sport 67 udp dport 68 accept",
      "meta l4proto { icmp, ipv6-icmp } accept",
      ...jumps("oifname", "goto", publicDevices, "in"),
    ]),
    "}\n",
  ].join("");
};

/**
 * The table that faults work on. It is apart from the topology's, so that a change of the topology heals no cut, and it drops
 * before connections are tracked. `cut` isolates a device, `power` one whose machine is losing its power, `pairs` closes the
 * way between two.
 */
export const faultsTable = `table inet faults {
  set cut { type ifname; }
  set power { type ifname; }
  set pairs { type ifname . ifname; }
  chain prerouting {
    type filter hook prerouting priority raw; policy accept;
    iifname @cut drop
    iifname @power drop
  }
  chain forward {
    type filter hook forward priority raw; policy accept;
    iifname . oifname @pairs drop
  }
  chain postrouting {
    type filter hook postrouting priority raw; policy accept;
    oifname @cut drop
    oifname @power drop
  }
}
`;
