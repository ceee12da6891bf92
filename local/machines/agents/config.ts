import type { LoadBalancerTopology, NetworkTopology, ServerTopology, Topology } from "../../hetzner/driver.ts";
import {
  hasPublicSide,
  metadataAddress,
  privateMtu,
  publicGateway,
  resolvers,
  serviceAddress,
} from "../network/plan.ts";

/** What DHCP gives to one network card. */
export type Lease = {
  readonly mac: string;
  readonly address: string;
  /** The router: also the address the offer comes from, as the client sees it. */
  readonly gateway: string;
  /** Own address to send from, when it is not any. */
  readonly from: string | null;
  /** Classless static routes (RFC 3442); a gateway of 0.0.0.0 means "on this link". */
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
  readonly defaultRoute: boolean;
  readonly dns: readonly string[];
  readonly mtu: number | null;
};

/** A question to the metadata service: an address may belong to servers of several private networks. */
export type Asked = { readonly at: string; readonly by: string };

/** What the metadata service knows of one server; it recognises the server by who asks where. */
export type Instance = {
  readonly id: number;
  readonly asked: readonly Asked[];
  readonly userData: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly privateNetworks: readonly Readonly<Record<string, unknown>>[];
};

export type Balancer = {
  readonly id: number;
  readonly listen: readonly string[];
  /** Own address to reach a target from, by the target's address. */
  readonly targets: readonly { readonly ip: string; readonly from: string | null }[];
  readonly services: LoadBalancerTopology["services"];
};

/** Everything the helper process in the cloud's namespace serves. Replaced as a whole. */
export type CloudConfig = {
  readonly leases: readonly Lease[];
  readonly instances: readonly Instance[];
  readonly balancers: readonly Balancer[];
};

/** What the driver remembers of a server beside its place in the network. */
export type Identity = {
  readonly id: number;
  readonly name: string;
  readonly location: string;
  readonly userData: string;
  readonly sshKeys: readonly string[];
  readonly rootPassword: string | null;
};

const publicLease = (mac: string, address: string): Lease => ({
  mac,
  address,
  gateway: publicGateway,
  from: null,
  routes: [
    { destination: `${publicGateway}/32`, gateway: "0.0.0.0" },
    { destination: "0.0.0.0/0", gateway: publicGateway },
  ],
  defaultRoute: true,
  dns: resolvers,
  mtu: null,
});

/**
 * Private networks hand out the way to their own range, but neither a default route nor a resolver
 * (docs.hetzner.com/cloud/networks/changes/dhcp-bugfix, in force since 2025-08-11). Only a server without a public interface
 * is told to ask for metadata this way.
 */
const privateLease = (mac: string, address: string, network: NetworkTopology, alone: boolean): Lease => ({
  mac,
  address,
  gateway: network.gateway,
  from: serviceAddress(network.id),
  routes: [
    { destination: `${network.gateway}/32`, gateway: "0.0.0.0" },
    { destination: network.ipRange, gateway: network.gateway },
    ...(alone ? [{ destination: `${metadataAddress}/32`, gateway: network.gateway }] : []),
  ],
  defaultRoute: false,
  dns: [],
  mtu: privateMtu,
});

const leasesOf = (server: ServerTopology, networks: ReadonlyMap<number, NetworkTopology>): Lease[] => [
  ...(server.publicIpv4 === null ? [] : [publicLease(server.publicMacAddress, server.publicIpv4)]),
  ...server.privateNets.flatMap((nic) => {
    const network = networks.get(nic.networkId);
    return network === undefined ? [] : [privateLease(nic.macAddress, nic.ip, network, !hasPublicSide(server))];
  }),
];

/** Network zones of the locations (docs.hetzner.com/cloud/general/locations). */
const zoneOf: Readonly<Record<string, string>> = { ash: "us-east", hil: "us-west", sin: "ap-southeast" };

const networkConfig = (server: ServerTopology): unknown => ({
  version: 1,
  config: hasPublicSide(server)
    ? [
        {
          type: "physical",
          name: "eth0",
          mac_address: server.publicMacAddress,
          subnets: [
            ...(server.publicIpv4 === null ? [] : [{ type: "dhcp", ipv4: true }]),
            ...(server.publicIpv6 === null ? [] : [staticV6(server.publicIpv6)]),
          ],
        },
      ]
    : [],
});

/** A server uses the first address of its /64. */
const staticV6 = (written: string): unknown => {
  const [ip = written] = written.split("/");
  return {
    type: "static",
    ipv6: true,
    address: `${ip.endsWith("::") ? `${ip}1` : ip}/64`,
    gateway: "fe80::1",
    dns_nameservers: [],
  };
};

const vendorData = ({ rootPassword }: Identity): string => {
  const password =
    rootPassword === null
      ? {}
      : {
          ssh_pwauth: true,
          chpasswd: { expire: true, users: [{ name: "root", password: rootPassword, type: "text" }] },
        };
  return `#cloud-config\n${JSON.stringify({ manage_etc_hosts: true, ...password })}\n`;
};

const instanceOf = (
  server: ServerTopology,
  identity: Identity,
  networks: ReadonlyMap<number, NetworkTopology>,
): Instance => ({
  id: server.id,
  asked: [
    ...(server.publicIpv4 === null ? [] : [{ at: metadataAddress, by: server.publicIpv4 }]),
    ...server.privateNets.map(({ networkId, ip }) => ({ at: serviceAddress(networkId), by: ip })),
  ],
  userData: identity.userData,
  metadata: {
    "availability-zone": identity.location,
    hostname: identity.name,
    "instance-id": identity.id,
    "public-ipv4": server.publicIpv4 ?? "",
    region: zoneOf[identity.location] ?? "eu-central",
    "public-keys": identity.sshKeys,
    "network-config": networkConfig(server),
    vendor_data: vendorData(identity),
  },
  privateNetworks: server.privateNets.flatMap((nic, index) => {
    const network = networks.get(nic.networkId);
    if (network === undefined) return [];
    return [
      {
        ip: nic.ip,
        alias_ips: nic.aliasIps,
        interface_num: index + 1,
        mac_address: nic.macAddress,
        network_id: nic.networkId,
        network_name: String(nic.networkId),
        network: network.ipRange,
        subnet: network.subnets[0] ?? network.ipRange,
        gateway: network.gateway,
      },
    ];
  }),
});

const balancerOf = (balancer: LoadBalancerTopology, topology: Topology): Balancer => ({
  id: balancer.id,
  listen: [balancer.publicIpv4, ...balancer.privateIps.map(({ ip }) => ip)].filter((ip) => ip !== null),
  services: balancer.services,
  targets: balancer.targets.map(({ ip }) => {
    const nics = topology.servers.flatMap(({ privateNets }) => privateNets).filter((nic) => nic.ip === ip);
    const own = balancer.privateIps.find(({ networkId }) => nics.some((nic) => nic.networkId === networkId))?.ip;
    return { ip, from: own ?? balancer.publicIpv4 };
  }),
});

export const cloudConfig = (topology: Topology, identities: ReadonlyMap<number, Identity>): CloudConfig => {
  const networks = new Map(topology.networks.map((network) => [network.id, network]));
  return {
    leases: topology.servers.flatMap((server) => leasesOf(server, networks)),
    instances: topology.servers.flatMap((server) => {
      const identity = identities.get(server.id);
      return identity === undefined ? [] : [instanceOf(server, identity, networks)];
    }),
    balancers: topology.loadBalancers.map((balancer) => balancerOf(balancer, topology)),
  };
};
