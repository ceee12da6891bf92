import type { Topology } from "../../hetzner/driver.ts";
import type { Environment } from "../environment.ts";
import { must, run } from "../run.ts";
import { faultsTable, renderFirewall } from "./firewall.ts";
import {
  assignSlots,
  type Item,
  internetDevice,
  type Link,
  metadataAddress,
  type NetworkPlan,
  planNetwork,
  resolvers,
  type Slots,
} from "./plan.ts";

/**
 * Addresses of the internet: the cloud's side of the link to it, where clients are, and Debian's mirrors. A range for
 * documentation (RFC 5737), so that it meets neither servers nor their firewalls.
 */
export const internetAddress = { router: "192.0.2.254", client: "192.0.2.1", mirror: "192.0.2.80" } as const;
/** The same for IPv6, from the documentation range of RFC 3849, at the end that servers get last. */
export const internetAddressV6 = { router: "2001:db8:ffff:ffff::254", client: "2001:db8:ffff:ffff::1" } as const;

const inNamespace = (namespace: string, command: string, args: readonly string[], input?: string): Promise<string> =>
  must("nsenter", [`--net=/run/netns/${namespace}`, command, ...args], input === undefined ? {} : { input });

const sysctls: Readonly<Record<string, string>> = {
  "net.ipv4.ip_forward": "1",
  "net.ipv4.conf.all.rp_filter": "0",
  "net.ipv4.conf.default.rp_filter": "0",
  "net.ipv4.conf.all.send_redirects": "0",
  "net.ipv4.conf.default.send_redirects": "0",
  "net.ipv6.conf.all.forwarding": "1",
  // Addresses here are given out by us, and detecting duplicates would delay each by a second.
  "net.ipv6.conf.all.accept_dad": "0",
  "net.ipv6.conf.default.accept_dad": "0",
};

const assignments = (values: Readonly<Record<string, string>>): string[] =>
  Object.entries(values).map(([name, value]) => `${name}=${value}`);

const batch = (namespace: string, lines: readonly string[]): Promise<string> =>
  must("ip", ["-n", namespace, "-batch", "-"], { input: `${lines.join("\n")}\n` });

/** Makes the cloud and the internet and the link between them. */
export const createBackbone = async ({ cloud, internet }: Environment): Promise<void> => {
  for (const namespace of [cloud, internet]) {
    await must("ip", ["netns", "add", namespace]);
    await inNamespace(namespace, "sysctl", ["-q", "-w", ...assignments(sysctls)]);
  }
  await must("ip", [
    "-n",
    cloud,
    "link",
    "add",
    internetDevice,
    "type",
    "veth",
    "peer",
    "name",
    "cloud",
    "netns",
    internet,
  ]);
  await batch(cloud, [
    "link set lo up",
    `link set ${internetDevice} up`,
    `address add ${metadataAddress}/32 dev lo`,
    `address add ${internetAddress.router}/24 dev ${internetDevice}`,
    `address add ${internetAddressV6.router}/64 dev ${internetDevice}`,
    `route add default via ${internetAddress.client} dev ${internetDevice}`,
    `route add default via ${internetAddressV6.client} dev ${internetDevice}`,
    // Packets of private networks must not find the router's own addresses before their network's table is asked.
    "rule add pref 500 lookup local",
    "rule del pref 0 lookup local",
  ]);
  await batch(internet, [
    "link set lo up",
    "link set cloud up",
    ...Object.values(internetAddress)
      .filter((ip) => ip !== internetAddress.router)
      .map((ip) => `address add ${ip}/24 dev cloud`),
    `address add ${internetAddressV6.client}/64 dev cloud`,
    ...resolvers.map((ip) => `address add ${ip}/32 dev lo`),
    ...["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map((range) => `route add unreachable ${range}`),
    `route add default via ${internetAddress.router}`,
    `route add default via ${internetAddressV6.router}`,
  ]);
  await inNamespace(cloud, "nft", ["-f", "-"], faultsTable);
};

const addLink = ({ device, inside, mac, mtu }: Link, namespace: string): string[] => [
  `link add ${device} mtu ${mtu} type veth peer name ${inside} address ${mac} mtu ${mtu} netns ${namespace}`,
  `link set ${device} up`,
];

/** What already is gone, or already is there, when a link or its namespace took it along. */
const harmless =
  /File exists|No such process|No such file or directory|Cannot find device|Cannot assign requested address|Address not found/;

const tolerant = async (namespace: string, lines: readonly string[]): Promise<void> => {
  if (lines.length === 0) return;
  const { stderr } = await run("ip", ["-n", namespace, "-force", "-batch", "-"], { input: `${lines.join("\n")}\n` });
  const errors = stderr
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("Command failed") && !harmless.test(line));
  if (errors.length > 0) throw new Error(`network of ${namespace}: ${errors.join("; ")}`);
};

export type LinkChange = { readonly added: readonly Link[]; readonly removed: readonly Link[] };

/** The cloud's namespace as it was last made; only this class changes it, so differences need no reading back. */
export class CloudNetwork {
  readonly #environment: Environment;
  #plan: NetworkPlan = { links: [], items: [] };
  #firewall = "";
  #slots: Slots = new Map();

  constructor(environment: Environment) {
    this.#environment = environment;
  }

  get links(): readonly Link[] {
    return this.#plan.links;
  }

  /** Makes the namespace equal the topology. `namespaceOf` names the namespace a server's cards belong in. */
  async apply(topology: Topology, namespaceOf: (server: number) => string): Promise<LinkChange> {
    const { cloud } = this.#environment;
    const slots = assignSlots(topology.servers, this.#slots);
    const next = planNetwork(topology, slots);
    const firewall = renderFirewall(topology, slots);
    if (firewall !== this.#firewall) {
      this.#firewall = "";
      await inNamespace(cloud, "nft", ["-f", "-"], firewall);
    }
    const removed = this.#plan.links.filter((link) => !has(next.links, link));
    const added = next.links.filter((link) => !has(this.#plan.links, link));
    const before = new Set(this.#plan.items.map(({ add }) => add));
    const after = new Set(next.items.map(({ add }) => add));
    const changed = new Set(added.map(({ device }) => device));
    await tolerant(
      cloud,
      removed.map(({ device }) => `link del ${device}`),
    );
    await tolerant(
      cloud,
      added.flatMap((link) => addLink(link, namespaceOf(link.server))),
    );
    // A link that was made anew lost what hung on it, whether the plan changed or not.
    const missing = next.items.filter((item) => !before.has(item.add) || mentions(item, changed));
    await tolerant(
      cloud,
      missing.map(({ add }) => add),
    );
    await tolerant(
      cloud,
      this.#plan.items
        .filter(({ add }) => !after.has(add))
        .map(({ del }) => del)
        .reverse(),
    );
    this.#plan = next;
    this.#firewall = firewall;
    this.#slots = slots;
    return { added, removed };
  }
}

const has = (links: readonly Link[], wanted: Link): boolean =>
  links.some((link) => link.device === wanted.device && link.mac === wanted.mac && link.server === wanted.server);

const mentions = ({ add }: Item, devices: ReadonlySet<string>): boolean =>
  add.split(" ").some((word) => devices.has(word));
