import ipaddr from "ipaddr.js";
import { edgeFaults } from "./edge-limits.ts";
import { firewallRuleLimit } from "./firewalls.ts";
import { publicRoles } from "./machines.ts";
import { gatewayOf } from "./network.ts";
import { placementGroupSize } from "./placement.ts";
import type { Labels, Machine, Plan } from "./types.ts";

/** Volumes one server may have (docs.hetzner.com/cloud/volumes). */
export const volumesPerServer = 16;

type Check = (plan: Plan) => readonly string[];

/** What holds for every plan whatever the config. A message here is a fault of this program, not of its user. */
export function brokenInvariants(plan: Plan): readonly string[] {
  return checks.flatMap((check) => check(plan));
}

/** The message, unless the condition holds. */
const unless = (holds: boolean, message: string): readonly string[] => (holds ? [] : [message]);

function unique(what: string, values: readonly string[]): readonly string[] {
  return values.flatMap((value, index) => unless(values.indexOf(value) === index, `${what} ${value} is there twice`));
}

function contains(range: string, address: string): boolean {
  return ipaddr.IPv4.parse(address).match(ipaddr.IPv4.parseCIDR(range));
}

const names: Check = (plan) => [
  ...unique(
    "machine",
    plan.machines.map((machine) => machine.name),
  ),
  ...unique(
    "host name",
    plan.machines.map((machine) => machine.hostname),
  ),
  ...unique(
    "private address",
    plan.machines.map((machine) => machine.privateIp),
  ),
  ...unique(
    "DNS record",
    plan.edge.records.map((record) => record.name),
  ),
  ...unique(
    "firewall",
    plan.firewalls.map((firewall) => firewall.name),
  ),
  ...plan.machines.flatMap((machine) =>
    unless(machine.hostname.length <= 63, `host name ${machine.hostname} is too long`),
  ),
];

const addresses: Check = (plan) =>
  plan.machines.flatMap((machine) => {
    const subnet = plan.network.subnets.find((candidate) => candidate.name === machine.subnet);
    if (subnet === undefined) return [`${machine.name} is in subnet ${machine.subnet}, which does not exist`];
    return [
      ...unless(
        contains(subnet.ipRange, machine.privateIp),
        `${machine.name}: ${machine.privateIp} is outside ${subnet.ipRange}`,
      ),
      ...unless(contains(plan.network.ipRange, machine.privateIp), `${machine.name} is outside the network`),
      ...unless(machine.privateIp !== gatewayOf(plan.network.ipRange), `${machine.name} has the gateway's address`),
    ];
  });

const doors: Check = (plan) =>
  plan.machines.flatMap((machine) => {
    const open = publicRoles.includes(machine.role);
    return [
      ...unless((machine.primaryIp !== null) === open, `${machine.name}: public address does not fit its role`),
      ...unless((machine.firewall !== null) === open, `${machine.name}: a firewall belongs to a public address`),
      ...unless(open || plan.network.routes.length > 0, `${machine.name} has no way to the internet`),
    ];
  });

const references: Check = (plan) => {
  const machines = new Set(plan.machines.map((machine) => machine.name));
  const named = (machine: Machine, kind: string, name: string | null, entries: readonly { readonly name: string }[]) =>
    unless(name === null || entries.some((entry) => entry.name === name), `${machine.name}: no ${kind} named ${name}`);
  return [
    ...plan.machines.flatMap((machine) => [
      ...named(machine, "firewall", machine.firewall, plan.firewalls),
      ...named(machine, "placement group", machine.placementGroup, plan.placementGroups),
      ...named(machine, "primary IP", machine.primaryIp, plan.primaryIps),
      ...machine.volumes.flatMap((volume) => named(machine, "volume", volume, plan.volumes)),
    ]),
    ...[...plan.volumes, ...plan.primaryIps, ...plan.network.routes].flatMap((entry) =>
      unless(machines.has(entry.machine), `${entry.name} belongs to ${entry.machine}, which does not exist`),
    ),
    ...plan.edge.records.flatMap((record) =>
      unless(
        plan.primaryIps.some((address) => address.name === record.primaryIp),
        `DNS record ${record.name} points at ${record.primaryIp}, which does not exist`,
      ),
    ),
  ];
};

const flows: Check = (plan) => {
  const roles = new Set(plan.machines.map((machine) => machine.role));
  return [
    ...plan.flows.flatMap((flow) => unless(roles.has(flow.to), `a flow leads to ${flow.to}, which has no machine`)),
    ...plan.flows.flatMap((flow) =>
      unless(
        flow.from.kind === "role" ? roles.has(flow.from.role) : publicRoles.includes(flow.to),
        `a flow to ${flow.to} comes from where nothing can reach it`,
      ),
    ),
    ...unique(
      "flow",
      plan.flows.map((flow) => JSON.stringify([flow.from, flow.to, flow.protocol, flow.port])),
    ),
  ];
};

const providerLimits: Check = (plan) => [
  ...plan.firewalls.flatMap((firewall) =>
    unless(
      firewall.rules.length <= firewallRuleLimit,
      `firewall ${firewall.name} has more than ${firewallRuleLimit} rules`,
    ),
  ),
  ...plan.firewalls.flatMap((firewall) =>
    firewall.rules.flatMap((rule) =>
      unless(rule.sourceIps.length > 0, `firewall ${firewall.name}: "${rule.description}" has no source`),
    ),
  ),
  ...plan.placementGroups.flatMap((group) =>
    unless(
      group.machines.length <= placementGroupSize,
      `placement group ${group.name} has more than ${placementGroupSize} machines`,
    ),
  ),
  ...plan.machines.flatMap((machine) =>
    unless(machine.volumes.length <= volumesPerServer, `${machine.name} has more than ${volumesPerServer} volumes`),
  ),
  ...edgeFaults(plan.edge).map((fault) => `${fault.field}: ${fault.value}: ${fault.rule}`),
];

const sizes: Check = (plan) =>
  plan.machines.flatMap((machine) => {
    const volumes = plan.volumes.filter((volume) => volume.machine === machine.name);
    const storageGiB = volumes.reduce((sum, volume) => sum + volume.sizeGiB, machine.diskGiB);
    const { profile } = machine;
    const enough =
      machine.vcpu >= profile.vcpu && machine.memoryGiB >= profile.memoryGiB && storageGiB >= profile.storageGiB;
    return unless(enough, `${machine.name} (${machine.serverType}) falls short of its profile`);
  });

/** Voters decide by majority: an even number adds a machine that can fail and no failure that can be survived. */
const quorums: Check = (plan) => {
  const etcd = plan.services.database.patroni?.etcd.members.length ?? 1;
  const sentinels = plan.services.redis.sentinel?.members.length ?? 3;
  const k3s = plan.services.k3s?.servers.length ?? 1;
  return [
    ...unless(etcd % 2 === 1, `etcd has ${etcd} voters`),
    ...unless(sentinels % 2 === 1 && sentinels >= 3, `${sentinels} Sentinels cannot agree`),
    ...unless(k3s % 2 === 1, `k3s has ${k3s} servers`),
  ];
};

/** Hetzner's rule for label keys and values. */
const label = /^[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;

const labels: Check = (plan) => {
  const holders: readonly { readonly name: string; readonly labels: Labels }[] = [
    ...plan.machines,
    ...plan.volumes,
    ...plan.primaryIps,
    ...plan.firewalls,
    ...plan.placementGroups,
    ...plan.sshKeys,
    plan.network,
  ];
  return holders.flatMap((holder) =>
    Object.entries(holder.labels)
      .flat()
      .flatMap((part) => unless(label.test(part), `${holder.name}: ${part} is no label`)),
  );
};

const memory: Check = (plan) => {
  const budget = plan.services.memoryBudgetMiB;
  if (budget === null) return [];
  const sum = Object.values(budget).reduce((total, part) => total + part, 0);
  const smallest = Math.min(...plan.machines.map((machine) => machine.memoryGiB * 1_024));
  return unless(sum <= smallest, `memory budgets add up to ${sum} MiB of ${smallest}`);
};

const checks: readonly Check[] = [
  names,
  addresses,
  doors,
  references,
  flows,
  providerLimits,
  sizes,
  quorums,
  labels,
  memory,
];
