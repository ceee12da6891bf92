import ipaddr from "ipaddr.js";

/** RFC 1918. */
const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"] as const;

/** Bits of the network part: 16 in `10.0.0.0/16`. */
export function prefixOf(range: string): number {
  return Number(range.slice(range.lastIndexOf("/") + 1));
}

/** The range without host bits: `10.0.5.1/16` becomes `10.0.0.0/16`. Takes both families. */
export function aligned(range: string): string {
  const prefix = prefixOf(range);
  return ipaddr.IPv4.isValidCIDR(range)
    ? `${ipaddr.IPv4.networkAddressFromCIDR(range).toString()}/${prefix}`
    : `${ipaddr.IPv6.networkAddressFromCIDR(range).toString()}/${prefix}`;
}

/** Whether two IPv4 ranges share an address. */
export function overlap(a: string, b: string): boolean {
  const [wide, narrow] = prefixOf(a) <= prefixOf(b) ? [a, b] : [b, a];
  return contains(wide, ipaddr.IPv4.networkAddressFromCIDR(narrow).toString());
}

/** Whether an IPv4 range holds an address. */
export function contains(range: string, address: string): boolean {
  return ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(range));
}

/** Whether an IPv4 range lies within private address space. */
export function isPrivate(range: string): boolean {
  const first = ipaddr.IPv4.networkAddressFromCIDR(range).toString();
  return privateRanges.some((space) => prefixOf(space) <= prefixOf(range) && contains(space, first));
}
