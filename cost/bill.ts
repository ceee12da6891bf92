import type { Machine, Plan, Usage } from "../plan/types.ts";
import {
  type BillLine,
  backupsLine,
  inOrder,
  primaryIpLine,
  type ResourceRef,
  type ServerFacts,
  serverLine,
  volumeLine,
} from "./bill-lines.ts";
import { Dec, sum } from "./money.ts";
import type { PriceBook } from "./prices/book.ts";
import { includedTrafficTB } from "./prices/lookup.ts";

/**
 * What of a plan costs money, and how much of it: mapping and quantity, no price. Amounts come from `estimate.ts`.
 */

/** How the month's outgoing traffic meets what the machines include. */
export type TrafficUse = {
  /** Machines the edge's DNS records point at; user traffic leaves through them alone. */
  readonly doors: readonly string[];
  /** TB of 2^40 bytes, as Hetzner counts traffic. */
  readonly expectedTB: string;
  readonly includedTB: string;
  readonly overageTB: string;
};

/** What Object Storage keeps: database backups and images. Decimal TB. */
export type StorageUse = { readonly keptTB: string; readonly includedTB: string; readonly overageTB: string };

export type Bill = {
  readonly lines: readonly BillLine[];
  readonly traffic: TrafficUse;
  readonly storage: StorageUse;
};

/** Types the program registers that cost nothing: with {@link billableResources} they are everything it may register. */
export const freeResourceTypes = [
  "hcloud:index/network:Network",
  "hcloud:index/networkSubnet:NetworkSubnet",
  "hcloud:index/networkRoute:NetworkRoute",
  "hcloud:index/serverNetwork:ServerNetwork",
  "hcloud:index/firewall:Firewall",
  "hcloud:index/firewallAttachment:FirewallAttachment",
  "hcloud:index/placementGroup:PlacementGroup",
  "hcloud:index/sshKey:SshKey",
  "hcloud:index/volumeAttachment:VolumeAttachment",
  "hcloud:index/rdns:Rdns",
  "cloudflare:index/dnsRecord:DnsRecord",
  "cloudflare:index/zoneSetting:ZoneSetting",
  "cloudflare:index/ruleset:Ruleset",
  "cloudflare:index/tieredCache:TieredCache",
  "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings",
  "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate",
  "cloudflare:index/authenticatedOriginPulls:AuthenticatedOriginPulls",
  "cloudflare:index/originCaCertificate:OriginCaCertificate",
] as const;

/** Decimal bytes of a GB in {@link Usage}. */
const gigabyte = new Dec(10).pow(9);

/** Hetzner counts traffic in TB of 2^40 bytes (`included_traffic` of GET /v1/server_types, read 2026-09-29). */
const trafficTB = new Dec(2).pow(40);

/** Object storage is counted in decimal TB here: the smaller allowance, so the bill is never too low. */
const storageTB = new Dec(10).pow(12);

/** Included in the base price of Object Storage, TB (hetzner.com, read 2026-09-19). */
const objectStorageIncludedTB = 1;

const notNegative = (value: Dec): Dec => (value.isNegative() ? new Dec(0) : value);

const serverFacts = (plan: Plan, { name, role, serverType, orderedAt }: Machine): ServerFacts => ({
  machine: name,
  role,
  serverType,
  location: plan.location,
  orderedAt,
});

function volumeLines(plan: Plan): readonly BillLine[] {
  const roles = new Map(plan.machines.map((machine) => [machine.name, machine.role]));
  return plan.volumes.map(({ name, machine, sizeGiB }) => {
    const role = roles.get(machine);
    if (role === undefined) throw new Error(`volumes.${name}: belongs to ${machine}, which is not in the plan`);
    return volumeLine({ name, machine, role, location: plan.location, sizeGiB });
  });
}

const externalLine = (
  line: Pick<BillLine, "id" | "component" | "name" | "description" | "item" | "location" | "quantity" | "unit">,
): BillLine => ({ ...line, orderedAt: null, resource: null, external: true, machine: null, percentOf: null });

const edgeLine = (plan: Plan): BillLine =>
  externalLine({
    id: `cloudflare-plan:${plan.edge.zone}`,
    component: "edge",
    name: plan.edge.zone,
    description: `Cloudflare ${plan.edge.plan} plan`,
    item: `cloudflare-plan:${plan.edge.plan}`,
    location: null,
    quantity: "1",
    unit: "month",
  });

/** One base price covers all buckets; backups and images are in them. */
export function storageUse(plan: Plan): StorageUse {
  const kept = sum([String(plan.usage.backupGB), String(plan.usage.imageGB)])
    .times(gigabyte)
    .dividedBy(storageTB);
  return {
    keptTB: kept.toString(),
    includedTB: String(objectStorageIncludedTB),
    overageTB: notNegative(kept.minus(objectStorageIncludedTB)).toString(),
  };
}

const objectStorageLine = (plan: Plan): BillLine =>
  externalLine({
    id: "object-storage:base",
    component: "backups",
    name: plan.services.backup.bucket,
    description: `Object Storage in ${plan.services.backup.region}`,
    item: "object-storage:base",
    location: plan.services.backup.region,
    quantity: "1",
    unit: "month",
  });

/** Only what goes beyond an allowance is a line: within it there is nothing to pay and no price to know. */
const storageOverageLines = (plan: Plan, storage: StorageUse): readonly BillLine[] =>
  new Dec(storage.overageTB).isZero()
    ? []
    : [
        externalLine({
          id: "object-storage:storage",
          component: "storage",
          name: plan.services.backup.bucket,
          description: `stored beyond ${storage.includedTB} TB`,
          item: "object-storage:storage",
          location: plan.services.backup.region,
          quantity: storage.overageTB,
          unit: "TB-hour",
        }),
      ];

/**
 * User traffic leaves through the machines the DNS records name, in equal parts; only what they include counts. Hetzner
 * includes traffic per server, so what the machines behind them would include is not offset: the conservative reading.
 */
export function trafficUse(plan: Plan, book: PriceBook): TrafficUse {
  const named = new Set(plan.edge.records.map((record) => record.primaryIp));
  const doors = plan.machines.filter((machine) => machine.primaryIp !== null && named.has(machine.primaryIp));
  const expected = new Dec(String(plan.usage.originEgressGB)).times(gigabyte).dividedBy(trafficTB);
  const included = doors.map((door) => new Dec(includedTrafficTB(book, door.serverType, plan.location)));
  const share = doors.length === 0 ? new Dec(0) : expected.dividedBy(doors.length);
  return {
    doors: doors.map((machine) => machine.name),
    expectedTB: expected.toString(),
    includedTB: sum(included).toString(),
    overageTB: sum(included.map((allowance) => notNegative(share.minus(allowance)))).toString(),
  };
}

const trafficOverageLines = (plan: Plan, traffic: TrafficUse): readonly BillLine[] =>
  new Dec(traffic.overageTB).isZero()
    ? []
    : [
        externalLine({
          id: "traffic:overage",
          component: "traffic",
          name: traffic.doors.join(", "),
          description: `sent beyond ${traffic.includedTB} TB`,
          item: "traffic",
          location: plan.location,
          quantity: traffic.overageTB,
          unit: "TB",
        }),
      ];

/** The lines that stand for resources of the program. */
const resourceLines = (plan: Plan): readonly BillLine[] => [
  ...plan.primaryIps.map(({ name, machine }) => primaryIpLine({ name, machine, location: plan.location })),
  ...plan.machines.map((machine) => serverLine(serverFacts(plan, machine))),
  ...volumeLines(plan),
  ...plan.machines.filter((machine) => machine.providerBackups).map((each) => backupsLine(serverFacts(plan, each))),
];

/** Every cost of a plan as one line, in a stable order. The book says only what a server type includes, no price. */
export function buildBill(plan: Plan, book: PriceBook): Bill {
  const traffic = trafficUse(plan, book);
  const storage = storageUse(plan);
  const lines = [
    ...resourceLines(plan),
    edgeLine(plan),
    objectStorageLine(plan),
    ...storageOverageLines(plan, storage),
    ...trafficOverageLines(plan, traffic),
  ];
  return { lines: inOrder(lines), traffic, storage };
}

/** The plan's usage at another number of users: everything in it grows in proportion. */
export function usageAt(usage: Usage, users: number): Usage {
  const scale = (value: number): number =>
    new Dec(String(value)).times(users).dividedBy(usage.expectedUsers).toDecimalPlaces(6).toNumber();
  return {
    expectedUsers: users,
    originEgressGB: scale(usage.originEgressGB),
    databaseGB: scale(usage.databaseGB),
    imageGB: scale(usage.imageGB),
    backupGB: scale(usage.backupGB),
  };
}

/** Every resource the bill charges for, each once: what the program must register, no more and no less. */
export function billableResources(plan: Plan): readonly ResourceRef[] {
  const byKey = new Map<string, ResourceRef>();
  for (const { resource } of resourceLines(plan)) {
    if (resource !== null) byKey.set(`${resource.type} ${resource.name}`, resource);
  }
  return [...byKey.values()];
}
