/**
 * Public addresses and MACs. IPv4 comes from 198.18.0.0/15, which RFC 2544 sets aside for tests and nobody routes; IPv6
 * from 2001:db8::/32, the documentation block of RFC 3849. A freed address is not handed out again until the pool has
 * been round once.
 */
import type { Store } from "../../shared/store.ts";
import { formatIpv4, parseCidr } from "./ipv4.ts";

const pool = parseCidr("198.18.0.0/15") ?? { base: 0, prefix: 32, size: 1 };
const firstHost = 10;

export function nextPublicIpv4(store: Store, isTaken: (ip: string) => boolean): string {
  for (let tries = 0; tries < pool.size; tries += 1) {
    const offset = (store.nextId("ipv4", firstHost) - firstHost) % (pool.size - firstHost);
    const address = pool.base + firstHost + offset;
    const lastOctet = address % 256;
    const ip = formatIpv4(address);
    if (lastOctet !== 0 && lastOctet !== 255 && !isTaken(ip)) return ip;
  }
  throw new Error("no public IPv4 left in 198.18.0.0/15");
}

/** A /64, in the form the API shows it. */
export function nextPublicIpv6(store: Store): string {
  const number = store.nextId("ipv6", 1);
  return `2001:db8:${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}::/64`;
}

/** The provider's MACs start with 96:00 on public and 86:00 on private interfaces. */
export function nextMac(store: Store, kind: "public" | "private"): string {
  const number = store.nextId("mac", 1);
  const tail = [24, 16, 8, 0].map((shift) => ((number >>> shift) & 255).toString(16).padStart(2, "0"));
  return [kind === "public" ? "96" : "86", "00", ...tail].join(":");
}

/** The reverse name an IPv4 address has until one is set. */
export function defaultPointer(ip: string): string {
  return `static.${ip.split(".").reverse().join(".")}.clients.your-server.de`;
}
