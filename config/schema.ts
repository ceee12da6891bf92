import { z } from "zod";
import {
  api,
  databaseCluster,
  databasePair,
  group,
  ipv4Range,
  k3s,
  redisCluster,
  redisPair,
  server,
  single,
} from "./machine-groups.ts";

/**
 * What may be said in `chitlaq:platform`. Shape, defaults and descriptions live here; rules that need more than one field
 * live in `config/rules.ts`; what the words mean for machines and addresses is decided in `plan/`.
 */

/** Hetzner's locations (GET /v1/locations, read 2026-09-29). */
export const locations = ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"] as const;

/** Hetzner Object Storage exists only in the European locations (docs.hetzner.com/storage/object-storage). */
export const objectStorageLocations = ["fsn1", "nbg1", "hel1"] as const;

export const cloudflarePlans = ["free", "pro", "business"] as const;

const cidr = z.union([z.cidrv4(), z.cidrv6()], "an address range such as 203.0.113.4/32");

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
      ipRange: ipv4Range
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
      .max(100)
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
        .array(z.string().regex(/^\/[A-Za-z0-9._~/-]*$/, "a path that starts with / and needs no escaping"))
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
      failOverBudget: z
        .boolean()
        .default(false)
        .describe("`cost diff` fails when the stack costs more than its budget."),
      maxIncrease: z
        .string()
        .regex(/^\d+(\.\d{1,2})?(eur|usd|%)$/, "an amount a month such as 50eur, 50usd or 10%")
        .optional()
        .describe("`cost diff` fails when a change makes the stack dearer by more than this a month: `50eur`, `10%`."),
    })
    .prefault({}),
  protection: z
    .boolean()
    .default(true)
    .describe(
      "Protect what holds data or an address, in Pulumi and at Hetzner. To take a stack down for good: set it to false, run `pulumi up`, then `pulumi destroy`.",
    ),
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
        .optional()
        .describe(
          "Location of the Object Storage bucket for database backups. Must differ from `location`. Left out: fsn1, or nbg1 when the stack itself is in fsn1.",
        ),
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
        .url({ protocol: /^(https|file)$/, error: "an https:// or file:// address" })
        .describe("Release archive (.tar.gz) of the application. `file://` names a path on the machine's image."),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, "64 hexadecimal digits")
        .describe("SHA-256 of the archive; machines refuse any other."),
      version: z
        .string()
        .regex(/^[A-Za-z0-9._-]{1,40}$/, "a version such as 1.4.2")
        .describe("Version of the archive, for reports and the name of its directory."),
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

export const phaseSchemas = { 1: phase1Schema, 2: phase2Schema, 3: phase3Schema } as const;

export const platformSchema = z.discriminatedUnion("phase", [phase1Schema, phase2Schema, phase3Schema]);

export type Phase1Config = z.output<typeof phase1Schema>;
export type Phase2Config = z.output<typeof phase2Schema>;
export type Phase3Config = z.output<typeof phase3Schema>;
/** A validated `chitlaq:platform` with every default filled in. */
export type PlatformConfig = z.output<typeof platformSchema>;
export type { MachineConfig } from "./machine-groups.ts";
export type Location = (typeof locations)[number];
export type CloudflarePlan = (typeof cloudflarePlans)[number];
