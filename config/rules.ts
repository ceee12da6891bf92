import { describeValue } from "./describe.ts";
import type { Fault } from "./faults.ts";
import { groupRules } from "./group-rules.ts";
import { aligned, contains, isPrivate, overlap, prefixOf } from "./ranges.ts";
import type { PlatformConfig } from "./schema.ts";

/** A rule that needs more than one field, or more than a field's shape. */
export type Rule = {
  /** Fields it looks at; when one of them is faulty already, the rule has nothing to say. */
  readonly reads: readonly string[];
  readonly check: (config: PlatformConfig) => readonly Fault[];
};

/** Gateway of every Hetzner server's public interface; a private network over it cuts the server off (Hetzner docs). */
const publicGateway = "172.31.1.1";

const networkRange: Rule = {
  reads: ["network.ipRange"],
  check: ({ network: { ipRange } }) => {
    const refuse = (rule: string, fix: string) => [fault("network.ipRange", ipRange, rule, fix)];
    const set = "set platform.network.ipRange to";
    if (aligned(ipRange) !== ipRange) return refuse("it has host bits set", `${set} ${aligned(ipRange)}`);
    if (!isPrivate(ipRange)) {
      return refuse("it is not in 10.0.0.0/8, 172.16.0.0/12 or 192.168.0.0/16", `${set} 10.0.0.0/16`);
    }
    const prefix = prefixOf(ipRange);
    if (prefix < 16 || prefix > 20) return refuse("must be between /16 and /20", `${set} 10.0.0.0/16`);
    if (contains(ipRange, publicGateway)) {
      return refuse(`it holds ${publicGateway}, the gateway of every public interface`, `${set} 10.0.0.0/16`);
    }
    return [];
  },
};

/** Pod ranges give each node a /24; a service range above /12 is refused by the Kubernetes API server. */
const clusterBounds = {
  clusterCidr: { widest: 12, narrowest: 20, fallback: "10.42.0.0/16" },
  serviceCidr: { widest: 12, narrowest: 24, fallback: "10.43.0.0/16" },
} as const;

const clusterShape = (name: keyof typeof clusterBounds): Rule => ({
  reads: [`k3s.${name}`],
  check: (config) => {
    if (config.phase !== 3) return [];
    const range = config.k3s[name];
    const { widest, narrowest, fallback } = clusterBounds[name];
    const refuse = (rule: string, instead: string) => [
      fault(`k3s.${name}`, range, rule, `set platform.k3s.${name} to ${instead}`),
    ];
    if (aligned(range) !== range) return refuse("it has host bits set", aligned(range));
    const prefix = prefixOf(range);
    if (prefix < widest || prefix > narrowest) return refuse(`must be between /${widest} and /${narrowest}`, fallback);
    return [];
  },
});

const overlaps: Rule = {
  reads: ["network.ipRange", "k3s.clusterCidr", "k3s.serviceCidr"],
  check: (config) => {
    if (config.phase !== 3) return [];
    const { clusterCidr, serviceCidr } = config.k3s;
    const pairs = [
      ["k3s.clusterCidr", clusterCidr, "network.ipRange", config.network.ipRange],
      ["k3s.serviceCidr", serviceCidr, "network.ipRange", config.network.ipRange],
      ["k3s.serviceCidr", serviceCidr, "k3s.clusterCidr", clusterCidr],
    ] as const;
    return pairs.flatMap(([field, range, otherField, other]) =>
      overlap(range, other)
        ? [
            fault(
              field,
              range,
              `it overlaps ${otherField} (${other})`,
              `move platform.${field} or platform.${otherField}`,
            ),
          ]
        : [],
    );
  },
};

const clusterSize: Rule = {
  reads: ["k3s.servers", "k3s.agents"],
  check: (config) => {
    if (config.phase !== 3) return [];
    const { servers, agents } = config.k3s;
    if (servers + agents <= 10) return [];
    const rule = `with ${servers} servers that makes ${servers + agents} machines and a spread placement group holds 10`;
    return [fault("k3s.agents", agents, rule, `set platform.k3s.agents to ${10 - servers} or less`)];
  },
};

const backupLocation: Rule = {
  reads: ["location", "backups.objectStorage"],
  check: ({ location, backups }) =>
    backups.objectStorage === location
      ? [
          fault(
            "backups.objectStorage",
            location,
            "backups must not be where the machines are",
            "set platform.backups.objectStorage to another location or leave it out",
          ),
        ]
      : [],
};

const sshKeys: Rule = {
  reads: ["ssh.publicKeys"],
  check: ({ ssh }) => {
    const entries = Object.entries(ssh.publicKeys);
    if (entries.length === 0) {
      const rule = "without a key Hetzner mails a root password";
      return [
        {
          field: "ssh.publicKeys",
          value: "an empty group of keys",
          rule,
          fix: "add one below platform.ssh.publicKeys",
        },
      ];
    }
    const seen = new Map<string, string>();
    return entries.flatMap(([name, key]) => {
      const material = key.split(" ")[1] ?? key;
      const first = seen.get(material);
      seen.set(material, first ?? name);
      if (first === undefined) return [];
      const rule = `it is the same key as ${first}, and Hetzner takes a key once`;
      return [{ field: `ssh.publicKeys.${name}`, value: "a key", rule, fix: `remove platform.ssh.publicKeys.${name}` }];
    });
  },
};

const adminRanges: Rule = {
  reads: ["ssh.allowFrom"],
  check: ({ ssh }) =>
    ssh.allowFrom.flatMap((range, index) => {
      const field = `ssh.allowFrom.${index}`;
      if (prefixOf(range) === 0) {
        return [fault(field, range, "SSH must not be open to the whole internet", "name the addresses you work from")];
      }
      if (aligned(range) !== range) {
        return [fault(field, range, "it has host bits set", `set platform.${field} to ${aligned(range)}`)];
      }
      return [];
    }),
};

const repetition = (field: string, listOf: (config: PlatformConfig) => readonly string[]): Rule => ({
  reads: [field],
  check: (config) =>
    listOf(config).flatMap((entry, index, list) =>
      list.indexOf(entry) === index
        ? []
        : [fault(`${field}.${index}`, entry, "it is there twice", `remove platform.${field}.${index}`)],
    ),
});

const releaseLogin: Rule = {
  reads: ["release.url"],
  check: ({ release }) => {
    if (release === undefined) return [];
    const url = new URL(release.url);
    if (url.username === "" && url.password === "" && url.search === "") return [];
    const rule = "it carries a login or a query, and this config is no place for secrets";
    return [fault("release.url", release.url, rule, "publish the archive under an address that needs neither")];
  },
};

export const rules: readonly Rule[] = [
  networkRange,
  clusterShape("clusterCidr"),
  clusterShape("serviceCidr"),
  overlaps,
  clusterSize,
  backupLocation,
  sshKeys,
  adminRanges,
  repetition("ssh.allowFrom", (config) => config.ssh.allowFrom),
  repetition("edge.hosts", (config) => config.edge.hosts),
  repetition("edge.staticPaths", (config) => config.edge.staticPaths),
  releaseLogin,
  ...groupRules,
];

function fault(field: string, value: unknown, rule: string, fix: string): Fault {
  return { field, value: describeValue(field, value), rule, fix };
}
