/** Addresses and ranges: when two spellings mean the same, and what is not one. */

import ipaddr from "ipaddr.js";
import type { Shape } from "../../core/spec.ts";
import type { Value } from "../../core/values.ts";

/** Canonical spelling; undefined for text that is neither an address nor a range. */
const canonical = (given: string): string | undefined => {
  if (ipaddr.isValidCIDR(given)) {
    const [address, bits] = ipaddr.parseCIDR(given);
    return `${address.toString()}/${bits}`;
  }
  return ipaddr.isValid(given) ? ipaddr.parse(given).toString() : undefined;
};

export const sameAddress = (wanted: Value, actual: Value): boolean => {
  const left = canonical(String(wanted));
  return left !== undefined && left === canonical(String(actual));
};

/** A range must name its first address: the API refuses `10.0.0.1/24`. */
export const cidrFault = (value: Value): string | undefined => {
  const given = String(value);
  if (!ipaddr.isValidCIDR(given)) {
    return `"${given}" given, a range such as 10.0.0.0/16 is needed`;
  }
  const [address, bits] = ipaddr.parseCIDR(given);
  const first =
    address.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(given) : ipaddr.IPv6.networkAddressFromCIDR(given);
  return first.toString() === address.toString()
    ? undefined
    : `"${given}" given, host bits must be zero; write ${first.toString()}/${bits}`;
};

/** An address or range inside a list. */
export const ADDRESS: Shape = { kind: "string", same: sameAddress };

/** First address of an IPv6 /64 as the provider shows it: the network with `1` appended. */
export const firstOfIpv6 = (range: string): string => `${range.replace(/\/\d+$/, "")}1`;
