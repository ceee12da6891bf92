/** IPv4 ranges as plain numbers: what networks, subnets and routes need. */

export type Cidr = { readonly base: number; readonly prefix: number; readonly size: number };

export function parseIpv4(text: string): number | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets?.every((octet) => octet <= 255) !== true) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

/** A range in its canonical form; undefined when the address part is not the start of the block. */
export function parseCidr(text: string): Cidr | undefined {
  const [, address = "", bits = ""] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  const base = parseIpv4(address);
  const prefix = Number(bits);
  if (base === undefined || bits === "" || prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  return base % size === 0 ? { base, prefix, size } : undefined;
}

export const formatCidr = (cidr: Cidr): string => `${formatIpv4(cidr.base)}/${cidr.prefix}`;
export const contains = (outer: Cidr, inner: Cidr): boolean =>
  inner.base >= outer.base && inner.base + inner.size <= outer.base + outer.size;
export const includes = (range: Cidr, address: number): boolean =>
  address >= range.base && address < range.base + range.size;
export const overlap = (a: Cidr, b: Cidr): boolean => a.base < b.base + b.size && b.base < a.base + a.size;

const privateRanges = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].flatMap((text) => parseCidr(text) ?? []);
export const isPrivate = (cidr: Cidr): boolean => privateRanges.some((range) => contains(range, cidr));

/** The first block of `prefix` bits in `range` that meets none of `taken`. */
export function firstFreeBlock(range: Cidr, prefix: number, taken: readonly Cidr[]): Cidr | undefined {
  const size = 2 ** (32 - prefix);
  for (let base = range.base; base + size <= range.base + range.size; base += size) {
    const block = { base, prefix, size };
    if (!taken.some((other) => overlap(block, other))) return block;
  }
  return undefined;
}

/** The provider keeps this address for its own use in every network (docs.hetzner.com, networks FAQ). */
const providerReserved = parseIpv4("172.31.1.1");

/**
 * Addresses of `subnet` that may be given to a server: neither the block's first and last, nor the network's gateway
 * (first address of the whole network), nor the one the provider keeps.
 */
export function isAssignable(subnet: Cidr, network: Cidr, address: number): boolean {
  return (
    includes(subnet, address) &&
    address !== subnet.base &&
    address !== subnet.base + subnet.size - 1 &&
    address !== network.base + 1 &&
    address !== providerReserved
  );
}

export function firstFreeAddress(subnet: Cidr, network: Cidr, taken: ReadonlySet<number>): number | undefined {
  for (let address = subnet.base + 1; address < subnet.base + subnet.size - 1; address += 1) {
    if (isAssignable(subnet, network, address) && !taken.has(address)) return address;
  }
  return undefined;
}
