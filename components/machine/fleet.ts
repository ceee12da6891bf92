import type * as pulumi from "@pulumi/pulumi";
import type { Machine as MachinePlan, Plan, Role } from "../../plan/types.ts";
import { named } from "../names.ts";
import type { Network } from "../network/network.ts";
import type { PlacementGroups } from "../placement/placement-groups.ts";
import type { Firewalls } from "../security/firewalls.ts";
import type { SshKeys } from "../security/ssh-keys.ts";
import { Machine } from "./machine.ts";
import type { Turns } from "./turns.ts";

/** What all machines of a stack stand on. */
export type Foundation = {
  readonly plan: Plan;
  readonly network: Network;
  readonly sshKeys: SshKeys;
  readonly firewalls: Firewalls;
  readonly placementGroups: PlacementGroups;
  /** Boot document of the machine with this name. */
  readonly userData: (machine: string) => string;
  readonly turns: Turns;
};

export type TierArgs = {
  readonly foundation: Foundation;
  /**
   * Machines that do NAT for the ones without a public address. Those are created after them, because their first boot
   * installs packages.
   */
  readonly gateways: readonly Machine[];
};

/**
 * The machines of some roles, in the order of the plan.
 *
 * @throws when the plan has none: a phase that wires a tier wants machines in it.
 */
export const createMachines = (
  tier: pulumi.ComponentResource,
  { foundation, gateways }: TierArgs,
  roles: readonly Role[],
): readonly Machine[] => {
  const machines = foundation.plan.machines.filter((machine) => roles.includes(machine.role));
  if (machines.length === 0) throw new Error(`the plan has no machine of the role ${roles.join(" or ")}`);
  return machines.map((machine) =>
    createMachine(tier, foundation, machine, machine.primaryIp === null ? gateways : []),
  );
};

const createMachine = (
  tier: pulumi.ComponentResource,
  foundation: Foundation,
  machine: MachinePlan,
  gateways: readonly Machine[],
): Machine => {
  const { plan, network } = foundation;
  const owner = `machine ${machine.name}`;
  return new Machine(
    machine.name,
    {
      machine,
      location: plan.location,
      image: plan.image,
      userData: foundation.userData(machine.name),
      sshKeyIds: foundation.sshKeys.ids,
      networkId: network.networkId,
      primaryIp: machine.primaryIp === null ? null : named(plan.primaryIps, machine.primaryIp, "primaryIps", owner),
      firewallId: machine.firewall === null ? null : foundation.firewalls.id(machine.firewall),
      placementGroupId: machine.placementGroup === null ? null : foundation.placementGroups.id(machine.placementGroup),
      volumes: machine.volumes.map((volume) => named(plan.volumes, volume, "volumes", owner)),
      protection: plan.protection,
      turns: foundation.turns,
    },
    { parent: tier, dependsOn: [network, ...gateways] },
  );
};
