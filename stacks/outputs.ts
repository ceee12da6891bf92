import * as pulumi from "@pulumi/pulumi";
import type { Machine } from "../components/machine/machine.ts";
import type { Plan } from "../plan/types.ts";
import type { Platform } from "./foundation.ts";

/** How the platform is reached: by people over HTTPS, by operators over SSH. */
export type Endpoints = {
  readonly urls: readonly string[];
  /** Public addresses by machine. */
  readonly addresses: Readonly<Record<string, pulumi.Output<string>>>;
  /** Commands by machine; machines without a public door are reached through the first one that has one. */
  readonly ssh: Readonly<Record<string, pulumi.Output<string>>> | string;
};

export type MachineOutput = {
  readonly role: string;
  readonly serverType: string;
  readonly privateIp: string;
  readonly publicIp: pulumi.Output<string> | null;
};

export const endpoints = (plan: Plan, { machines, edge }: Platform): Endpoints => ({
  urls: edge.urls,
  addresses: Object.fromEntries(
    machines.flatMap(({ plan: { name }, publicIp }) => (publicIp ? [[name, publicIp]] : [])),
  ),
  ssh: plan.adminRanges.length > 0 ? sshCommands(machines) : "closed: name your addresses in platform.ssh.allowFrom",
});

const sshCommands = (machines: readonly Machine[]): Readonly<Record<string, pulumi.Output<string>>> => {
  const jump = machines.find((machine) => machine.publicIp !== null)?.publicIp;
  return Object.fromEntries(
    machines.map(({ plan: { name, privateIp }, publicIp }) => [
      name,
      publicIp === null
        ? pulumi.interpolate`ssh -J root@${jump} root@${privateIp}`
        : pulumi.interpolate`ssh root@${publicIp}`,
    ]),
  );
};

export const machineOutputs = ({ machines }: Platform): Readonly<Record<string, MachineOutput>> =>
  Object.fromEntries(
    machines.map(({ plan: { name, role, serverType, privateIp }, publicIp }) => [
      name,
      { role, serverType, privateIp, publicIp },
    ]),
  );

/** The decisions a reader of `pulumi stack output` asks for first. */
export const planSummary = (plan: Plan) => ({
  phase: plan.phase,
  location: plan.location,
  image: plan.image,
  zone: plan.edge.zone,
  cloudflarePlan: plan.edge.plan,
  machines: plan.machines.length,
  vcpu: plan.machines.reduce((sum, machine) => sum + machine.vcpu, 0),
  memoryGiB: plan.machines.reduce((sum, machine) => sum + machine.memoryGiB, 0),
  expectedUsers: plan.usage.expectedUsers,
  catalogueDate: plan.catalogueDate,
});
