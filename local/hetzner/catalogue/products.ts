/** Everything with a price that is not a server type. Net EUR; dump of 2026-09-29 unless a comment says otherwise. */
import type { Offer, Region } from "./serverTypes.ts";

export const primaryIpv4 = { month: "0.50", hour: "0.0008" } as const;
export const volumePerGbMonth = "0.0572";
export const snapshotPerGbMonth = "0.0143";
/** Percent of the server price. */
export const backupPercentage = "20.0000000000";
export const backupSlots = 7;
export const trafficPerTb: Readonly<Record<Region, string>> = { eu: "1.00", us: "1.00", sin: "7.40" };

/** Unverified for 2026: the figures of the years before; the dump did not list floating IPs. */
export const floatingIpMonth = { ipv4: "3.00", ipv6: "1.00" } as const;

export type LoadBalancerTypeEntry = {
  readonly id: number;
  readonly name: string;
  readonly description: string;
  readonly maxConnections: number;
  readonly maxServices: number;
  readonly maxTargets: number;
  readonly maxAssignedCertificates: number;
  readonly offer: Offer;
};

/**
 * Prices from the vendor's feed of 2026-09-19 (EU). None was found for the US and Singapore, so the same figure stands
 * there; included traffic and the limits of lb21 and lb31 are unverified, lb11's connections are the newest of three
 * contradicting readings.
 */
export const loadBalancerTypes: readonly LoadBalancerTypeEntry[] = [
  {
    id: 1,
    name: "lb11",
    description: "LB11",
    maxConnections: 10_000,
    maxServices: 5,
    maxTargets: 25,
    maxAssignedCertificates: 10,
    offer: { month: "7.49", hour: "0.0120", terabytes: 20 },
  },
  {
    id: 2,
    name: "lb21",
    description: "LB21",
    maxConnections: 20_000,
    maxServices: 15,
    maxTargets: 75,
    maxAssignedCertificates: 25,
    offer: { month: "21.49", hour: "0.0344", terabytes: 20 },
  },
  {
    id: 3,
    name: "lb31",
    description: "LB31",
    maxConnections: 40_000,
    maxServices: 30,
    maxTargets: 150,
    maxAssignedCertificates: 50,
    offer: { month: "42.99", hour: "0.0689", terabytes: 20 },
  },
];
