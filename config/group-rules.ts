import { describeValue } from "./describe.ts";
import type { Fault } from "./faults.ts";
import type { Rule } from "./rules.ts";
import { highestOrdinal, type MachineConfig } from "./machine-groups.ts";
import type { PlatformConfig } from "./schema.ts";

const groupNames = ["server", "api", "database", "redis", "loadBalancer", "k3s"] as const;

type GroupName = (typeof groupNames)[number];

/** The fields a group of machines shares, where the phase has the group. */
function groupOf(config: PlatformConfig, name: GroupName): MachineConfig | undefined {
  const groups: Partial<Readonly<Record<GroupName, MachineConfig>>> = config;
  return groups[name];
}

const perGroup = (
  fields: readonly (keyof MachineConfig)[],
  check: (group: MachineConfig, key: (field: keyof MachineConfig) => string) => readonly Fault[],
): readonly Rule[] =>
  groupNames.map((name) => ({
    reads: fields.map((field) => `${name}.${field}`),
    check: (config) => {
      const group = groupOf(config, name);
      return group === undefined ? [] : check(group, (field) => `${name}.${field}`);
    },
  }));

/** Adopted servers exist already, so their type and the day of their order are facts and not choices. */
const adoption = perGroup(["adopt", "orderedAt", "serverType"], ({ adopt, orderedAt, serverType }, key) => {
  if (!adopt) return [];
  const type = fault(
    key("serverType"),
    serverType,
    "adopted servers have a type already",
    `set platform.${key("serverType")} to it`,
  );
  const day = {
    field: key("orderedAt"),
    value: null,
    rule: "adopted servers keep the price of the day they were ordered",
    fix: `set platform.${key("orderedAt")} to that day`,
  };
  return [...(serverType === "auto" ? [type] : []), ...(orderedAt === undefined ? [day] : [])];
});

const priceLock = perGroup(["adopt", "orderedAt", "serverType"], ({ adopt, orderedAt, serverType }, key) =>
  !adopt && orderedAt !== undefined && serverType === "auto"
    ? [
        fault(
          key("orderedAt"),
          orderedAt,
          "a price is locked to a server type, and auto may pick another one tomorrow",
          `set platform.${key("serverType")} to the type that was ordered`,
        ),
      ]
    : [],
);

const cpuKnob = perGroup(["cpu", "serverType"], ({ cpu, serverType }, key) =>
  cpu !== undefined && serverType !== "auto"
    ? [
        fault(
          key("cpu"),
          cpu,
          "it only steers serverType auto",
          `remove platform.${key("cpu")} or platform.${key("serverType")}`,
        ),
      ]
    : [],
);

/** Where ordinals are retired, and how many machines need one. */
const retirements: readonly {
  readonly field: string;
  readonly reads: readonly string[];
  readonly of: (config: PlatformConfig) => { readonly retired: readonly number[]; readonly count: number } | undefined;
}[] = [
  {
    field: "server.retiredOrdinals",
    reads: [],
    of: (config) => (config.phase === 1 ? { retired: config.server.retiredOrdinals, count: 1 } : undefined),
  },
  {
    field: "api.retiredOrdinals",
    reads: ["api.count"],
    of: (config) => (config.phase === 2 ? { retired: config.api.retiredOrdinals, count: config.api.count } : undefined),
  },
  {
    field: "database.retiredOrdinals",
    reads: ["database.count", "database.standby"],
    of: (config) => {
      if (config.phase === 1) return undefined;
      const count = config.phase === 3 ? config.database.count : config.database.standby ? 2 : 1;
      return { retired: config.database.retiredOrdinals, count };
    },
  },
  {
    field: "redis.retiredOrdinals",
    reads: ["redis.count", "redis.replica"],
    of: (config) => {
      if (config.phase === 1) return undefined;
      const count = config.phase === 3 ? config.redis.count : config.redis.replica ? 2 : 1;
      return { retired: config.redis.retiredOrdinals, count };
    },
  },
  {
    field: "loadBalancer.retiredOrdinals",
    reads: ["loadBalancer.count"],
    of: (config) => {
      if (config.phase === 1) return undefined;
      const count = config.phase === 3 ? config.loadBalancer.count : 1;
      return { retired: config.loadBalancer.retiredOrdinals, count };
    },
  },
  {
    field: "k3s.retiredServers",
    reads: ["k3s.servers"],
    of: (config) =>
      config.phase === 3 ? { retired: config.k3s.retiredServers, count: config.k3s.servers } : undefined,
  },
  {
    field: "k3s.retiredAgents",
    reads: ["k3s.agents"],
    of: (config) => (config.phase === 3 ? { retired: config.k3s.retiredAgents, count: config.k3s.agents } : undefined),
  },
];

const retirement: readonly Rule[] = retirements.map(({ field, reads, of }) => ({
  reads: [field, ...reads],
  check: (config) => {
    const entry = of(config);
    if (entry === undefined) return [];
    const { retired, count } = entry;
    const twice = retired.filter((ordinal, index) => retired.indexOf(ordinal) !== index);
    if (twice.length > 0) return [fault(field, twice[0], "it is retired twice", `list it once in platform.${field}`)];
    if (retired.length + count <= highestOrdinal) return [];
    const value = { field, value: `${retired.length} ordinals` };
    const rule = `ordinals end at ${highestOrdinal} and ${count} are needed`;
    return [{ ...value, rule, fix: `remove from platform.${field} what no longer exists anywhere` }];
  },
}));

export const groupRules: readonly Rule[] = [...adoption, ...priceLock, ...cpuKnob, ...retirement];

function fault(field: string, value: unknown, rule: string, fix: string): Fault {
  return { field, value: describeValue(field, value), rule, fix };
}
