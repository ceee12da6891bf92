import ipaddr from "ipaddr.js";
import type { LoadBalancerTopology, NetworkTopology, ServerTopology, Topology } from "../../hetzner/driver.ts";

/** One veth pair: `device` in the cloud's namespace, `inside` in the machine's. */
export type Link = {
  readonly device: string;
  readonly server: number;
  readonly inside: string;
  readonly mac: string;
  readonly mtu: number;
};

/** One thing `ip -batch` can add to or delete from the cloud's namespace. */
export type Item = { readonly add: string; readonly del: string };

export type NetworkPlan = { readonly links: readonly Link[]; readonly items: readonly Item[] };

/** Hetzner's router on the public side, the same for every server (docs.hetzner.com, cloud servers, static configuration). */
export const publicGateway = "172.31.1.1";
export const metadataAddress = "169.254.169.254";
/** Hetzner's recursive resolvers (docs.hetzner.com, "Recursive name servers"). They are on the internet side. */
export const resolvers = ["185.12.64.2", "185.12.64.1"] as const;
/** Private networks carry 1450-byte packets (docs.hetzner.com/cloud/networks, architecture). */
export const privateMtu = 1450;
const publicMtu = 1500;

/** Device towards the internet namespace. */
export const internetDevice = "inet";

export const publicDevice = (server: number): string => `p${server}`;
export const privateDevice = (server: number, slot: number): string => `q${server}n${slot}`;
/** Routing table, and mark of packets, of a private network. Tables below 256 are the kernel's. */
export const tableOf = (network: number): number => 1000 + network;

/**
 * Where the cloud's own services (DHCP, metadata) answer a private network: an address per network, which packet filters
 * put in the place of the gateway's and the metadata service's. So networks may have the same range and gateway.
 */
export const serviceAddress = (network: number): string => `169.254.${(network >> 8) & 127}.${network & 255}`;

/** Network cards by MAC address: `enp<slot>s0`, 7 for the first network (docs.hetzner.com/cloud/networks). */
export type Slots = ReadonlyMap<string, number>;

export const firstSlot = 7;

/** Keeps every card where it is and gives new ones the lowest free slot of their server. */
export const assignSlots = (servers: readonly ServerTopology[], before: Slots): Slots => {
  const slots = new Map<string, number>();
  for (const server of servers) {
    const taken = new Set<number>();
    for (const { macAddress } of server.privateNets) {
      const slot = before.get(macAddress);
      if (slot !== undefined) taken.add(slot);
    }
    for (const { macAddress } of server.privateNets) {
      let slot = before.get(macAddress) ?? firstSlot;
      if (!before.has(macAddress)) while (taken.has(slot)) slot += 1;
      taken.add(slot);
      slots.set(macAddress, slot);
    }
  }
  return slots;
};

const slotOf = (slots: Slots, mac: string): number => slots.get(mac) ?? firstSlot;

/** Public addresses of a server without prefix length: primary and floating. */
export const publicAddresses = (
  server: ServerTopology,
): { readonly v4: readonly string[]; readonly v6: readonly string[] } => {
  const all = [server.publicIpv4, server.publicIpv6, ...server.floatingIps].filter((address) => address !== null);
  return {
    v4: all.filter((address) => !address.includes(":")),
    v6: all.filter((address) => address.includes(":")).map(prefix64),
  };
};

/** Hetzner routes a whole /64 to a server, whichever of its addresses is written. */
const prefix64 = (written: string): string => {
  const [ip = written] = written.split("/");
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${ip}/64`).toString()}/64`;
};

export const hasPublicSide = (server: ServerTopology): boolean => {
  const { v4, v6 } = publicAddresses(server);
  return v4.length + v6.length > 0;
};

const address = (value: string, device: string): Item => ({
  add: `address replace ${value} dev ${device}`,
  del: `address del ${value} dev ${device}`,
});
const route = (value: string): Item => ({ add: `route replace ${value}`, del: `route del ${value}` });
const neighbour = (ip: string, mac: string, device: string): Item => ({
  add: `neighbour replace ${ip} lladdr ${mac} nud permanent dev ${device}`,
  del: `neighbour del ${ip} dev ${device}`,
});
const rule = (value: string): Item => ({ add: `rule add ${value}`, del: `rule del ${value}` });

const publicSide = (server: ServerTopology): Item[] => {
  const device = publicDevice(server.id);
  const { v4, v6 } = publicAddresses(server);
  return [
    address(`${publicGateway}/32`, device),
    address("fe80::1/64", device),
    ...v4.flatMap((ip) => [neighbour(ip, server.publicMacAddress, device), route(`${ip}/32 dev ${device}`)]),
    ...v6.map((prefix) => route(`${prefix} dev ${device}`)),
  ];
};

type Member = {
  readonly server: number;
  readonly device: string;
  readonly ip: string;
  readonly aliasIps: readonly string[];
  readonly mac: string;
};

export const membersOf = (network: NetworkTopology, servers: readonly ServerTopology[], slots: Slots): Member[] =>
  servers.flatMap((server) =>
    server.privateNets
      .filter((nic) => nic.networkId === network.id)
      .map((nic) => ({
        server: server.id,
        device: privateDevice(server.id, slotOf(slots, nic.macAddress)),
        ip: nic.ip,
        aliasIps: nic.aliasIps,
        mac: nic.macAddress,
      })),
  );

/**
 * A private network is a routing table: whatever comes from a member is looked up there and nowhere else, so networks are
 * apart even when their ranges overlap, and only addresses that the API assigned lead anywhere.
 */
const privateNetwork = (network: NetworkTopology, topology: Topology, slots: Slots): Item[] => {
  const table = tableOf(network.id);
  const members = membersOf(network, topology.servers, slots);
  const balancers = topology.loadBalancers.flatMap((balancer) =>
    balancer.privateIps.filter(({ networkId }) => networkId === network.id).map(({ ip }) => ip),
  );
  const viaGateway = network.routes.flatMap(({ destination, gateway }) => {
    const member = members.find(({ ip, aliasIps }) => ip === gateway || aliasIps.includes(gateway));
    return member === undefined
      ? []
      : [route(`${destination} dev ${member.device} via ${member.ip} onlink table ${table}`)];
  });
  return [
    // An address of the network that nobody has is not for the gateway of a default route.
    route(`blackhole ${network.ipRange} table ${table}`),
    address(`${serviceAddress(network.id)}/32`, "lo"),
    ...[network.gateway, serviceAddress(network.id), ...balancers].map((ip) =>
      route(`local ${ip}/32 dev lo table ${table}`),
    ),
    ...members.flatMap(({ device, ip, aliasIps, mac }) => [
      address(`${network.gateway}/32`, device),
      neighbour(ip, mac, device),
      route(`${ip}/32 dev ${device} table ${table}`),
      ...aliasIps.map((alias) => route(`${alias}/32 via ${ip} dev ${device} onlink table ${table}`)),
      rule(`pref 100 iif ${device} lookup ${table}`),
      rule(`pref 101 iif ${device} unreachable`),
    ]),
    ...viaGateway,
    // What the router itself sends: as load balancer by its address, answers and what its services send by mark.
    ...balancers.map((ip) => rule(`pref 200 from ${ip} lookup ${table}`)),
    rule(`pref 300 fwmark ${table} lookup ${table}`),
  ];
};

const balancerAddresses = ({ publicIpv4, privateIps }: LoadBalancerTopology): Item[] =>
  [publicIpv4, ...privateIps.map(({ ip }) => ip)].filter((ip) => ip !== null).map((ip) => address(`${ip}/32`, "lo"));

const linksOf = (server: ServerTopology, slots: Slots): Link[] => [
  ...(hasPublicSide(server)
    ? [
        {
          device: publicDevice(server.id),
          server: server.id,
          inside: "eth0",
          mac: server.publicMacAddress,
          mtu: publicMtu,
        },
      ]
    : []),
  ...server.privateNets.map(({ macAddress }) => {
    const slot = slotOf(slots, macAddress);
    const device = privateDevice(server.id, slot);
    return { device, server: server.id, inside: `enp${slot}s0`, mac: macAddress, mtu: privateMtu };
  }),
];

/** Everything that must exist in the cloud's namespace for this topology, packet filters aside. */
export const planNetwork = (topology: Topology, slots: Slots): NetworkPlan => {
  const items = [
    ...topology.servers.filter(hasPublicSide).flatMap(publicSide),
    ...topology.networks.flatMap((network) => privateNetwork(network, topology, slots)),
    ...topology.loadBalancers.flatMap(balancerAddresses),
  ];
  return {
    links: topology.servers.flatMap((server) => linksOf(server, slots)),
    // Several cards of one network name the same route or rule.
    items: [...new Map(items.map((item) => [item.add, item])).values()],
  };
};
