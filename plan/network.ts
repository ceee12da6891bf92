import ipaddr from "ipaddr.js";
import type { Location } from "../config/schema.ts";
import { providerName } from "./names.ts";
import type { Labels, NetworkPlan, Role, Subnet } from "./types.ts";

/** Third octet of each tier's /24 within the network: fixed, so that a tier added later moves no other. */
const tierOffsets = { edge: 1, app: 2, data: 3, cache: 4 } as const;

export type Tier = keyof typeof tierOffsets;

export const tierOfRole = {
  server: "edge",
  "load-balancer": "edge",
  api: "app",
  "k3s-server": "app",
  "k3s-agent": "app",
  database: "data",
  redis: "cache",
} as const satisfies Record<Role, Tier>;

/**
 * Machine n of a role has host part `first + n`. Roles that share a subnet in one phase, or in two phases that follow each
 * other, are far enough apart: when a stack changes phase, the new machines are made before the old ones go.
 */
const firstHost: Readonly<Record<Role, number>> = {
  "load-balancer": 10,
  server: 100,
  api: 10,
  "k3s-agent": 100,
  "k3s-server": 190,
  database: 10,
  redis: 10,
};

/** GET /v1/locations, read 2026-09-29. */
const networkZones: Readonly<Record<Location, string>> = {
  fsn1: "eu-central",
  nbg1: "eu-central",
  hel1: "eu-central",
  ash: "us-east",
  hil: "us-west",
  sin: "ap-southeast",
};

/** Range of a tier: a /24 at its offset from the start of the network's range. */
export function subnetOf(networkRange: string, tier: Tier): Subnet {
  return { name: tier, ipRange: `${addressAt(networkRange, tierOffsets[tier] * 256)}/24` };
}

/** Private address of machine `ordinal` of a role. */
export function privateAddress(networkRange: string, role: Role, ordinal: number): string {
  return addressAt(subnetOf(networkRange, tierOfRole[role]).ipRange, firstHost[role] + ordinal);
}

/** Hetzner's router is the first address of the network's range (docs.hetzner.com/cloud/networks/faq). */
export function gatewayOf(networkRange: string): string {
  return addressAt(networkRange, 1);
}

/** The address `offset` after the first of a range. */
function addressAt(range: string, offset: number): string {
  const octets = ipaddr.IPv4.networkAddressFromCIDR(range).octets;
  const first = octets.reduce((value, octet) => value * 256 + octet, 0);
  const address = first + offset;
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

export type NetworkRequest = {
  readonly stack: string;
  readonly location: Location;
  readonly ipRange: string;
  readonly roles: readonly Role[];
  /** The machine that does NAT for those without a public address; null when there are none. */
  readonly natMachine: { readonly name: string; readonly privateIp: string } | null;
  readonly labels: Labels;
};

export function buildNetwork(request: NetworkRequest): NetworkPlan {
  const { ipRange, natMachine, stack, labels } = request;
  const used = new Set<Tier>(request.roles.map((role) => tierOfRole[role]));
  const tiers = (Object.keys(tierOffsets) as readonly Tier[]).filter((tier) => used.has(tier));
  return {
    name: "private",
    providerName: providerName(stack, "private"),
    ipRange,
    networkZone: networkZones[request.location],
    gateway: gatewayOf(ipRange),
    subnets: tiers.map((tier) => subnetOf(ipRange, tier)),
    routes:
      natMachine === null
        ? []
        : [{ name: "egress", destination: "0.0.0.0/0", machine: natMachine.name, gateway: natMachine.privateIp }],
    labels,
  };
}
