/** Private addresses: which subnet a member lands in and which address it gets. */
import { refused } from "../http/errors.ts";
import type { NetworkRecord, Subnet } from "../records.ts";
import type { Cloud } from "./cloud.ts";
import { type Cidr, firstFreeAddress, formatIpv4, isAssignable, parseCidr, parseIpv4 } from "./ipv4.ts";

export type Wish = { readonly ip?: string | null | undefined; readonly ipRange?: string | null | undefined };

const unusable: Cidr = { base: 0, prefix: 32, size: 0 };
export const cidrOf = (text: string): Cidr => parseCidr(text) ?? unusable;

/** Every address in use in a network, aliases and those not yet released included. */
export function takenAddresses(cloud: Cloud, network: number): Set<number> {
  const taken = new Set<number>();
  const take = (ip: string): void => {
    const address = parseIpv4(ip);
    if (address !== undefined) taken.add(address);
  };
  for (const server of cloud.servers.all()) {
    for (const net of server.privateNets) {
      if (net.network === network) for (const ip of [net.ip, ...net.aliasIps]) take(ip);
    }
  }
  for (const loadBalancer of cloud.loadBalancers.all()) {
    for (const net of loadBalancer.privateNets) if (net.network === network) take(net.ip);
  }
  const now = cloud.clock.now();
  for (const reserved of cloud.reservedIps.all()) {
    if (reserved.network === network && reserved.until > now) take(reserved.ip);
  }
  return taken;
}

/** Keeps a given-up address taken for the configured time. */
export function releaseAddress(cloud: Cloud, network: number, ip: string): void {
  const now = cloud.clock.now();
  for (const old of cloud.reservedIps.all()) if (old.until <= now) cloud.reservedIps.delete(old.id);
  const delay = cloud.settings.delays().privateIpRelease;
  if (delay > 0) cloud.reservedIps.put({ id: `${network}:${ip}`, network, ip, until: now + delay });
}

const isUsable = (subnet: Subnet, zone: string): boolean => subnet.networkZone === zone && subnet.type !== "vswitch";

function explicitAddress(cloud: Cloud, network: NetworkRecord, zone: string, ip: string): string {
  const address = parseIpv4(ip);
  const fits = (subnet: Subnet): boolean =>
    isUsable(subnet, zone) &&
    address !== undefined &&
    isAssignable(cidrOf(subnet.ipRange), cidrOf(network.ipRange), address);
  if (address === undefined || !network.subnets.some(fits) || takenAddresses(cloud, network.id).has(address)) {
    throw refused("ip_not_available", `ip '${ip}' is not available in network ${network.id}`);
  }
  return ip;
}

/** The address a new member gets; without a wish, the first free one of the last subnet (by range) that has room. */
export function chooseAddress(cloud: Cloud, network: NetworkRecord, zone: string, wish: Wish): string {
  const none = refused("no_subnet_available", `network ${network.id} has no subnet with a free address in ${zone}`);
  if (!network.subnets.some((subnet) => isUsable(subnet, zone))) throw none;
  if (typeof wish.ip === "string" && wish.ip !== "") return explicitAddress(cloud, network, zone, wish.ip);
  const taken = takenAddresses(cloud, network.id);
  const candidates = network.subnets
    .filter((subnet) => isUsable(subnet, zone) && (wish.ipRange == null || subnet.ipRange === wish.ipRange))
    .map((subnet) => cidrOf(subnet.ipRange))
    .sort((a, b) => b.base - a.base);
  for (const subnet of candidates) {
    const free = firstFreeAddress(subnet, cidrOf(network.ipRange), taken);
    if (free !== undefined) return formatIpv4(free);
  }
  throw none;
}

/** Checks addresses a server wants besides its own. */
export function checkAliases(
  cloud: Cloud,
  network: NetworkRecord,
  zone: string,
  aliases: readonly string[],
  own: readonly string[],
): void {
  const taken = takenAddresses(cloud, network.id);
  for (const ip of own) taken.delete(parseIpv4(ip) ?? -1);
  for (const alias of aliases) {
    const address = parseIpv4(alias);
    const fits = network.subnets.some(
      (subnet) =>
        isUsable(subnet, zone) &&
        address !== undefined &&
        isAssignable(cidrOf(subnet.ipRange), cidrOf(network.ipRange), address),
    );
    if (address === undefined || !fits || taken.has(address)) {
      throw refused("ip_not_available", `alias ip '${alias}' is not available in network ${network.id}`);
    }
    taken.add(address);
  }
}
