import type { Fault } from "../config/faults.ts";
import type { PlatformConfig } from "../config/schema.ts";
import { buildBudget, currentLimits } from "./budget.ts";
import { limits, slo, triggers } from "./capacity.ts";
import { buildEdge } from "./edge.ts";
import { edgeFaults } from "./edge-limits.ts";
import { PlanError } from "./errors.ts";
import { buildFirewalls } from "./firewalls.ts";
import { buildFlows } from "./flows.ts";
import { deepFreeze } from "./freeze.ts";
import { brokenInvariants } from "./invariants.ts";
import { buildMachines, doorsOf } from "./machines.ts";
import { project, providerName, stackLabels, stackNamePattern } from "./names.ts";
import { buildNetwork } from "./network.ts";
import { notesOf } from "./notes.ts";
import { buildPlacementGroups } from "./placement.ts";
import { buildRollout } from "./rollout.ts";
import { buildServices } from "./services.ts";
import { buildPrimaryIps, buildVolumes } from "./storage.ts";
import type { Catalogue, EdgePlan, Labels, Machine, Plan, SshKeyPlan } from "./types.ts";
import { buildUsage } from "./usage.ts";

export type PlanOptions = {
  /** Short name of the stack; becomes part of every name and label. */
  readonly stack: string;
  /** Server types with today's prices and where they can be ordered. */
  readonly catalogue: Catalogue;
};

/**
 * Decides everything about a stack. Pure: the same config, stack and catalogue give the same plan, byte for byte, frozen.
 * Throws {@link PlanError} with every reason why the config cannot be had.
 */
export function buildPlan(config: PlatformConfig, { stack, catalogue }: PlanOptions): Plan {
  const labels = stackLabels(stack, config.phase);
  const { machines, faults: machineFaults } = buildMachines({ config, stack, catalogue, labels });
  const edge = buildEdge(config, doorsOf(config));
  const faults = [...checkStackName(stack), ...machineFaults, ...edgeFaults(edge)];
  if (faults.length > 0) throw new PlanError(stack, faults);
  const plan = assemble(config, { stack, catalogue }, { labels, machines, edge });
  const broken = brokenInvariants(plan);
  if (broken.length > 0) throw new Error(`the plan of stack ${stack} contradicts itself: ${broken.join("; ")}`);
  // The clone keeps the freezing away from the caller's config and from the tables of this folder.
  return deepFreeze(structuredClone(plan));
}

type Parts = { readonly labels: Labels; readonly machines: readonly Machine[]; readonly edge: EdgePlan };

function assemble(config: PlatformConfig, { stack, catalogue }: PlanOptions, { labels, machines, edge }: Parts): Plan {
  const flows = buildFlows(config, machines);
  const adminRanges = config.ssh.allowFrom;
  return {
    project,
    stack,
    phase: config.phase,
    location: config.location,
    image: config.image,
    labels,
    catalogueDate: catalogue.date,
    network: buildNetwork({
      stack,
      location: config.location,
      ipRange: config.network.ipRange,
      roles: machines.map((machine) => machine.role),
      natMachine: machines.find((machine) => machine.role === "load-balancer") ?? null,
      labels,
    }),
    sshKeys: buildSshKeys(stack, config, labels),
    adminRanges,
    flows,
    firewalls: buildFirewalls(stack, machines, flows, adminRanges, labels),
    placementGroups: buildPlacementGroups(stack, machines, labels),
    primaryIps: buildPrimaryIps(stack, machines),
    volumes: buildVolumes(stack, config, machines),
    machines,
    rollout: buildRollout(machines),
    edge,
    services: buildServices(config, machines),
    limits: limits[config.phase],
    currentLimits: currentLimits(config, machines),
    budget: buildBudget(config, machines),
    triggers,
    slo,
    usage: buildUsage(config),
    billing: { vatPercent: config.billing.vatPercent },
    protection: config.protection,
    notes: notesOf(config, machines),
  };
}

function checkStackName(stack: string): readonly Fault[] {
  if (stackNamePattern.test(stack)) return [];
  return [
    {
      field: "stack",
      value: JSON.stringify(stack),
      rule: "the stack's name becomes part of host names and labels",
      fix: "name it with 1 to 32 lower-case letters, digits and inner hyphens",
    },
  ];
}

/** Sorted by name: the order of keys in a YAML file means nothing. */
function buildSshKeys(stack: string, config: PlatformConfig, labels: Labels): readonly SshKeyPlan[] {
  return Object.entries(config.ssh.publicKeys)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, publicKey]) => ({ name, providerName: providerName(stack, name), publicKey, labels }));
}
