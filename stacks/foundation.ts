import type * as pulumi from "@pulumi/pulumi";
import { Edge } from "../components/edge/edge.ts";
import type { Foundation } from "../components/machine/fleet.ts";
import type { Machine } from "../components/machine/machine.ts";
import { Network } from "../components/network/network.ts";
import { PlacementGroups } from "../components/placement/placement-groups.ts";
import { Firewalls } from "../components/security/firewalls.ts";
import { SshKeys } from "../components/security/ssh-keys.ts";
import type { Plan } from "../plan/types.ts";

/** What a phase hands to the stack's outputs. */
export type Platform = { readonly machines: readonly Machine[]; readonly edge: Edge };

/** Renders the boot document of one machine of the plan. */
export type RenderUserData = (plan: Plan, machine: string) => string;

/** Network, keys, firewalls and placement groups: the same in every phase. */
export const createFoundation = (plan: Plan, renderUserData: RenderUserData): Foundation => ({
  plan,
  network: new Network("network", plan),
  sshKeys: new SshKeys("ssh", plan),
  firewalls: new Firewalls("firewalls", plan),
  placementGroups: new PlacementGroups("placement", plan),
  userData: (machine) => renderUserData(plan, machine),
});

/** The edge in front of these public doors. */
export const createEdge = ({ edge }: Plan, doors: readonly Machine[]): Edge =>
  new Edge("edge", { edge, addresses: Object.fromEntries(doors.flatMap(address)) });

const address = ({ plan, publicIp }: Machine): readonly (readonly [string, pulumi.Output<string>])[] =>
  plan.primaryIp === null || publicIp === null ? [] : [[plan.primaryIp, publicIp]];
