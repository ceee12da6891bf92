import type { Role } from "../plan/types.ts";
import type { Unit } from "./prices/book.ts";

/** One cost of a stack, and how the resources of the program become such lines. */

export const components = [
  "network",
  "server",
  "load-balancer",
  "api",
  "database",
  "redis",
  "k3s",
  "edge",
  "backups",
  "storage",
  "traffic",
] as const;

export type Component = (typeof components)[number];

/** A resource of the program, by Pulumi type token and logical name. */
export type ResourceRef = { readonly type: string; readonly name: string };

export type PricedItem = { readonly item: string; readonly location: string | null; readonly orderedAt: string | null };

export type BillLine = PricedItem & {
  /** Stable identity of the line: `server:db-1`. Two plans are compared by it. */
  readonly id: string;
  readonly component: Component;
  /** Plan name of the thing: `db-1`. */
  readonly name: string;
  readonly description: string;
  /** The resource that causes the cost; null for what no engine resource stands for. */
  readonly resource: ResourceRef | null;
  readonly external: boolean;
  /** Machine it belongs to, where it belongs to one. */
  readonly machine: string | null;
  /** In units of the price, a decimal string. */
  readonly quantity: string;
  readonly unit: Unit;
  /** For a percentage: what it is a percentage of. */
  readonly percentOf: PricedItem | null;
};

export const resourceTypes = {
  server: "hcloud:index/server:Server",
  primaryIp: "hcloud:index/primaryIp:PrimaryIp",
  volume: "hcloud:index/volume:Volume",
} as const;

/** Part of the bill that a role's machines belong to. */
export const componentOf = {
  server: "server",
  "load-balancer": "load-balancer",
  api: "api",
  database: "database",
  redis: "redis",
  "k3s-server": "k3s",
  "k3s-agent": "k3s",
} as const satisfies Record<Role, Component>;

/** What decides the price of a server. `machine` is its name in the plan; the server inside its component has its own. */
export type ServerFacts = {
  readonly machine: string;
  readonly role: Role;
  readonly serverType: string;
  readonly location: string;
  readonly orderedAt: string | null;
};

/** Logical name of the server inside the component of a machine. */
export const serverName = (machine: string): string => `${machine}-server`;

const serverItem = ({ serverType, location, orderedAt }: ServerFacts): PricedItem => ({
  item: `server:${serverType}`,
  location,
  orderedAt,
});

export const serverLine = (server: ServerFacts): BillLine => ({
  ...serverItem(server),
  id: `server:${server.machine}`,
  component: componentOf[server.role],
  name: server.machine,
  description: `${server.serverType} in ${server.location}`,
  resource: { type: resourceTypes.server, name: serverName(server.machine) },
  external: false,
  machine: server.machine,
  quantity: "1",
  unit: "month",
  percentOf: null,
});

export const backupsLine = (server: ServerFacts): BillLine => ({
  item: "server-backups",
  location: server.location,
  orderedAt: null,
  id: `server-backups:${server.machine}`,
  component: "backups",
  name: server.machine,
  description: "daily server backups",
  resource: { type: resourceTypes.server, name: serverName(server.machine) },
  external: false,
  machine: server.machine,
  quantity: "1",
  unit: "percent",
  percentOf: serverItem(server),
});

export type PrimaryIpFacts = { readonly name: string; readonly machine: string; readonly location: string };

export const primaryIpLine = ({ name, machine, location }: PrimaryIpFacts): BillLine => ({
  item: "primary-ipv4",
  location,
  orderedAt: null,
  id: `primary-ip:${name}`,
  component: "network",
  name,
  description: "IPv4 address",
  resource: { type: resourceTypes.primaryIp, name },
  external: false,
  machine,
  quantity: "1",
  unit: "month",
  percentOf: null,
});

export type VolumeFacts = {
  readonly name: string;
  readonly machine: string;
  readonly role: Role;
  readonly location: string;
  readonly sizeGiB: number;
};

export const volumeLine = ({ name, machine, role, location, sizeGiB }: VolumeFacts): BillLine => ({
  item: "volume",
  location,
  orderedAt: null,
  id: `volume:${name}`,
  component: componentOf[role],
  name,
  description: `${sizeGiB} GB volume`,
  resource: { type: resourceTypes.volume, name },
  external: false,
  machine,
  quantity: String(sizeGiB),
  unit: "GB-month",
  percentOf: null,
});

/** The order in which parts of a bill are listed. */
export const inOrder = (lines: readonly BillLine[]): readonly BillLine[] => {
  const place = (line: BillLine): number => components.indexOf(line.component);
  return lines.toSorted((a, b) => place(a) - place(b));
};
