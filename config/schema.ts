import { z } from "zod";

/**
 * What may be said in `chitlaq:platform`. Shape, defaults and descriptions live here; rules that need more than one field
 * live in `config/rules.ts`; what the words mean for machines and addresses is decided in `plan/`.
 */

/** Hetzner's locations (GET /v1/locations, read 2026-09-29). */
export const locations = ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"] as const;

/** Hetzner Object Storage exists only in the European locations (docs.hetzner.com/storage/object-storage). */
export const objectStorageLocations = ["fsn1", "nbg1", "hel1"] as const;

export const cloudflarePlans = ["free", "pro", "business"] as const;

const cidr = z.union([z.cidrv4(), z.cidrv6()]);

const isoDate = z.iso.date();

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
      "Day the servers were ordered or last rescaled. Servers from before 2026-06-15 keep their old price. Left out: today's price.",
    ),
  retiredOrdinals: z
    .array(z.int().min(1).max(99))
    .default([])
    .describe(
      "Ordinals that are never used again. Retiring 1 of two machines gives -2 and -3, so a broken machine is replaced without renaming the others.",
    ),
};

const volumeGiB = (fallback: number) =>
  z
    .int()
    .min(10)
    .max(10_240)
    .default(fallback)
    .describe("Size of the PostgreSQL data volume in GiB (10 to 10,240). Volumes grow in place and never shrink.");

const server = z.strictObject({
  ...machineFields,
  serverType: serverType.default("cpx21"),
  keepDisk: z
    .boolean()
    .default(true)
    .describe("Keep the disk's size when the type changes, so that a step back down stays possible."),
  diskGiB: z
    .int()
    .min(20)
    .default(80)
    .describe(
      "Size of the server's disk today in GiB. A type with a smaller disk is refused: disks never shrink. 80 is cpx21's.",
    ),
  volumeGiB: volumeGiB(80),
});

const group = (count: number, minimum: number, maximum: number, what: string) =>
  z.strictObject({
    ...machineFields,
    count: z.int().min(minimum).max(maximum).default(count).describe(`Number of ${what}, ${minimum} to ${maximum}.`),
  });

const api = group(2, 2, 10, "API servers");

const databasePair = z.strictObject({
  ...machineFields,
  standby: z.boolean().default(true).describe("Run a streaming standby that takes over when the primary dies."),
  volumeGiB: volumeGiB(100),
});

const redisPair = z.strictObject({
  ...machineFields,
  replica: z
    .boolean()
    .default(false)
    .describe("Run a replica and three Sentinels, so that Redis fails over by itself."),
});

const single = z.strictObject(machineFields);

const k3s = z.strictObject({
  ...machineFields,
  servers: z
    .int()
    .refine((n) => n === 3 || n === 5, "3 or 5: etcd needs an odd number and survives the loss of one or two")
    .default(3)
    .describe("k3s servers (control plane and etcd, also schedulable): 3 or 5."),
  agents: z.int().min(0).max(7).default(2).describe("k3s agents, 0 to 7."),
  clusterCidr: z.cidrv4().default("10.42.0.0/16").describe("Pod addresses. Must not overlap the network's range."),
  serviceCidr: z.cidrv4().default("10.43.0.0/16").describe("Service addresses. Must not overlap the network's range."),
});

const databaseCluster = z.strictObject({
  ...machineFields,
  count: z
    .int()
    .refine((n) => n === 3 || n === 5, "3 or 5: each member votes in etcd, which needs an odd number")
    .default(3)
    .describe("PostgreSQL members, 3 or 5; each also runs an etcd member."),
  volumeGiB: volumeGiB(250),
});

const redisCluster = z.strictObject({
  ...machineFields,
  count: z
    .int()
    .refine((n) => n === 3 || n === 5, "3 or 5: each member runs a Sentinel, and Sentinels decide by majority")
    .default(3)
    .describe("Redis members (one primary, the others replicas), 3 or 5."),
});

const common = {
  domain: z
    .string()
    .regex(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}$/, "a domain name in lower case such as chitlaq.com")
    .describe("The Cloudflare zone. It must exist in the Cloudflare account already."),
  location: z.enum(locations).default("ash").describe("Hetzner location of every machine, address and volume."),
  image: z
    .string()
    .regex(/^(debian-13|[0-9]+)$/, "debian-13, or the numeric id of a snapshot baked from it")
    .default("debian-13")
    .describe("Image of new machines: `debian-13`, or the id of a snapshot baked from it."),
  network: z
    .strictObject({
      ipRange: z
        .cidrv4()
        .default("10.0.0.0/16")
        .describe("Private network of the stack: an RFC 1918 range of /16 to /20; each tier gets a /24 of it."),
    })
    .prefault({}),
  ssh: z.strictObject({
    publicKeys: z
      .record(
        z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "a short lower-case name"),
        z
          .string()
          .regex(
            /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com) [A-Za-z0-9+/=]+( .*)?$/,
            "an OpenSSH public key",
          ),
      )
      .describe("OpenSSH public keys by name. At least one; Hetzner mails a root password otherwise."),
    allowFrom: z
      .array(cidr)
      .default([])
      .describe(
        "Addresses that may reach SSH of the machines with a public door. Empty: nobody, port 22 stays closed.",
      ),
  }),
  edge: z
    .strictObject({
      plan: z
        .enum(cloudflarePlans)
        .optional()
        .describe(
          "The zone's Cloudflare plan; rules are held to its limits. Left out: free in phase 1, pro from phase 2.",
        ),
      hosts: z
        .array(
          z.string().regex(/^(@|[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)$/, "a host name label, or @ for the zone itself"),
        )
        .min(1)
        .default(["@", "www", "api"])
        .describe("Names of the zone that point at the platform; `@` is the zone itself."),
      staticPaths: z
        .array(z.string().startsWith("/"))
        .default(["/static/", "/media/"])
        .describe("Path prefixes whose answers the edge caches."),
      cacheHitPercent: z
        .number()
        .min(0)
        .max(100)
        .default(0)
        .describe("Share of the bandwidth the edge answers by itself. An assumption; 0 prices the worst case."),
    })
    .prefault({}),
  users: z
    .strictObject({
      expected: z
        .int()
        .min(1)
        .optional()
        .describe(
          "Users the traffic and the cost per user are worked out for. Left out: 5,000, 50,000 or 500,000 by phase.",
        ),
    })
    .prefault({}),
  billing: z
    .strictObject({
      vatPercent: z.number().min(0).max(40).default(0).describe("VAT on Hetzner's net prices; 0 for reverse charge."),
      budgetUsd: z
        .number()
        .positive()
        .optional()
        .describe("Monthly budget in USD. Left out: the capacity plan's figure for the phase."),
    })
    .prefault({}),
  backups: z
    .strictObject({
      provider: z
        .boolean()
        .optional()
        .describe(
          "Hetzner's own server backups (7 slots, +20 %). Left out: on in phase 1, off from phase 2. Volumes are not in them.",
        ),
      objectStorage: z
        .enum(objectStorageLocations)
        .default("fsn1")
        .describe("Location of the Object Storage bucket for database backups. Must differ from `location`."),
      bucket: z
        .string()
        .regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "3 to 63 lower-case letters, digits and hyphens")
        .default("chitlaq-backups")
        .describe("Name of that bucket. Bucket names are shared by all customers of a location."),
    })
    .prefault({}),
  release: z
    .strictObject({
      url: z
        .url({ protocol: /^(https|file)$/ })
        .describe("Release archive (.tar.gz) of the application. `file://` names a path on the machine's image."),
      sha256: z.string().regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits"),
      version: z.string().regex(/^[A-Za-z0-9._-]{1,40}$/, "a version such as 1.4.2"),
    })
    .optional()
    .describe("The application to run. Left out: the sample application of this repository (`ops/sample-app`)."),
};

export const phase1Schema = z.strictObject({ phase: z.literal(1), ...common, server: server.prefault({}) });

export const phase2Schema = z.strictObject({
  phase: z.literal(2),
  ...common,
  api: api.prefault({}),
  database: databasePair.prefault({}),
  redis: redisPair.prefault({}),
  loadBalancer: single.prefault({}),
});

export const phase3Schema = z.strictObject({
  phase: z.literal(3),
  ...common,
  k3s: k3s.prefault({}),
  database: databaseCluster.prefault({}),
  redis: redisCluster.prefault({}),
  loadBalancer: group(2, 2, 4, "load balancers").prefault({}),
});

export const platformSchema = z.discriminatedUnion("phase", [phase1Schema, phase2Schema, phase3Schema]);

export type Phase1Config = z.output<typeof phase1Schema>;
export type Phase2Config = z.output<typeof phase2Schema>;
export type Phase3Config = z.output<typeof phase3Schema>;
/** A validated `chitlaq:platform` with every default filled in. */
export type PlatformConfig = z.output<typeof platformSchema>;
/** The fields every group of machines shares, as validated. */
export type MachineConfig = {
  readonly serverType: string;
  readonly cpu?: "any" | "shared" | "dedicated" | undefined;
  readonly adopt: boolean;
  readonly orderedAt?: string | undefined;
  readonly retiredOrdinals: readonly number[];
};
export type Location = (typeof locations)[number];
export type CloudflarePlan = (typeof cloudflarePlans)[number];
