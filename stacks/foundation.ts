import type * as pulumi from "@pulumi/pulumi";
import { Edge } from "../components/edge/edge.ts";
import type { Foundation } from "../components/machine/fleet.ts";
import type { Machine } from "../components/machine/machine.ts";
import { Turns } from "../components/machine/turns.ts";
import { Network } from "../components/network/network.ts";
import { PlacementGroups } from "../components/placement/placement-groups.ts";
import { Firewalls } from "../components/security/firewalls.ts";
import { SshKeys } from "../components/security/ssh-keys.ts";
import type { Plan } from "../plan/types.ts";

/** What a phase hands to the stack's outputs. */
export type Platform = { readonly machines: readonly Machine[]; readonly edge: Edge };

/** Renders the boot document of one machine of the plan. */
export type RenderUserData = (plan: Plan, machine: string) => string;

/**
 * Network, keys, firewalls and placement groups: the same in every phase. Everything waits for the network, so that a
 * change of phase, which the network refuses, touches nothing else.
 */
export const createFoundation = (plan: Plan, renderUserData: RenderUserData): Foundation => {
  const network = new Network("network", plan);
  return {
    plan,
    network,
    sshKeys: new SshKeys("ssh", plan, { dependsOn: network }),
    firewalls: new Firewalls("firewalls", plan, { dependsOn: network }),
    placementGroups: new PlacementGroups("placement", plan, { dependsOn: network }),
    userData: (machine) => renderUserData(plan, machine),
    turns: new Turns(),
  };
};

/** The edge in front of these public doors. */
export const createEdge = ({ plan, network }: Foundation, doors: readonly Machine[]): Edge =>
  new Edge("edge", { edge: plan.edge, addresses: Object.fromEntries(doors.flatMap(address)) }, { dependsOn: network });

const address = ({ plan, publicIp }: Machine): readonly (readonly [string, pulumi.Output<string>])[] =>
  plan.primaryIp === null || publicIp === null ? [] : [[plan.primaryIp, publicIp]];
