import { z } from "zod";

/** Groups of machines: what each phase's config may say about its servers. */

export const ipv4Range = z.cidrv4("an IPv4 range such as 10.0.0.0/16");

const isoDate = z.iso.date("a date such as 2026-05-31");

const serverType = z
  .string()
  .regex(/^(auto|[a-z]{2,4}[0-9]{2})$/, "a Hetzner server type such as ccx23, or auto")
  .describe(
    "Hetzner server type, or `auto`: the cheapest type that satisfies the role's profile and can be ordered in the location.",
  );

/** Fields every group of machines shares. */
const machineFields = {
  serverType: serverType.default("auto"),
  cpu: z
    .enum(["any", "shared", "dedicated"])
    .describe("CPU kind that `serverType: auto` may pick. Left out: `dedicated` for databases, `any` elsewhere.")
    .optional(),
  adopt: z
    .boolean()
    .default(false)
    .describe(
      "These servers exist already and keep their type although it can no longer be ordered here. Needs `orderedAt`, which decides the price they are locked to.",
    ),
  orderedAt: isoDate
    .optional()
    .describe(
      'Day the servers were ordered or last rescaled, such as "2025-11-01". Servers from before 2026-06-15 keep their old price. Left out: today\'s price.',
    ),
};

/** Three roles share the application tier's /24 in the end, so each has room for 60 ordinals. */
export const highestOrdinal = 60;

const retired = (what: string) =>
  z
    .array(z.int().min(1).max(highestOrdinal))
    .default([])
    .describe(
      `Ordinals of ${what} that are never used again. Retiring 1 of two machines gives -2 and -3, so a broken machine is replaced without renaming the others.`,
    );

const volumeGiB = (fallback: number) =>
  z
    .int()
    .min(10)
    .max(10_240)
    .default(fallback)
    .describe("Size of the PostgreSQL data volume in GiB (10 to 10,240). Volumes grow in place and never shrink.");

export const server = z.strictObject({
  ...machineFields,
  serverType: serverType
    .default("auto")
    .describe(
      "Hetzner server type, or `auto`: the first step of the location's ladder (cpx21 in ash and hil, cpx32 elsewhere).",
    ),
  retiredOrdinals: retired("the server"),
  keepDisk: z
    .boolean()
    .default(true)
    .describe("Keep the disk's size when the type changes, so that a step back down stays possible."),
  diskGiB: z
    .int()
    .min(20)
    .optional()
    .describe(
      "Size of the server's disk today in GiB. A type with a smaller disk is refused: disks never shrink. Left out: the disk of the first step of the location's ladder.",
    ),
  volumeGiB: volumeGiB(80),
});

export const group = (count: number, minimum: number, maximum: number, what: string) =>
  z.strictObject({
    ...machineFields,
    retiredOrdinals: retired(what),
    count: z.int().min(minimum).max(maximum).default(count).describe(`Number of ${what}, ${minimum} to ${maximum}.`),
  });

export const api = group(2, 2, 10, "API servers");

export const databasePair = z.strictObject({
  ...machineFields,
  retiredOrdinals: retired("database machines"),
  standby: z.boolean().default(true).describe("Run a streaming standby that takes over when the primary dies."),
  volumeGiB: volumeGiB(100),
});

export const redisPair = z.strictObject({
  ...machineFields,
  retiredOrdinals: retired("Redis machines"),
  replica: z
    .boolean()
    .default(false)
    .describe("Run a replica and three Sentinels, so that Redis fails over by itself."),
});

export const single = z.strictObject({ ...machineFields, retiredOrdinals: retired("the load balancer") });

export const k3s = z.strictObject({
  ...machineFields,
  servers: z
    .int()
    .refine((n) => n === 3 || n === 5, "3 or 5: etcd needs an odd number and survives the loss of one or two")
    .default(3)
    .describe("k3s servers (control plane and etcd, also schedulable): 3 or 5."),
  agents: z.int().min(0).max(7).default(2).describe("k3s agents, 0 to 7; servers and agents together at most 10."),
  retiredServers: retired("k3s servers"),
  retiredAgents: retired("k3s agents"),
  clusterCidr: ipv4Range.default("10.42.0.0/16").describe("Pod addresses. Must not overlap the network's range."),
  serviceCidr: ipv4Range.default("10.43.0.0/16").describe("Service addresses. Must not overlap the network's range."),
});

export const databaseCluster = z.strictObject({
  ...machineFields,
  retiredOrdinals: retired("PostgreSQL members"),
  count: z
    .int()
    .refine((n) => n === 3 || n === 5, "3 or 5: each member votes in etcd, which needs an odd number")
    .default(3)
    .describe("PostgreSQL members, 3 or 5; each also runs an etcd member."),
  volumeGiB: volumeGiB(250),
});

export const redisCluster = z.strictObject({
  ...machineFields,
  retiredOrdinals: retired("Redis members"),
  count: z
    .int()
    .refine((n) => n === 3 || n === 5, "3 or 5: each member runs a Sentinel, and Sentinels decide by majority")
    .default(3)
    .describe("Redis members (one primary, the others replicas), 3 or 5."),
});

/** The fields every group of machines shares, as validated. */
export type MachineConfig = {
  readonly serverType: string;
  readonly cpu?: "any" | "shared" | "dedicated" | undefined;
  readonly adopt: boolean;
  readonly orderedAt?: string | undefined;
};
