import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import { loadHetznerAccess } from "../../config/pulumi.ts";
import type { Machine as MachinePlan, PrimaryIpPlan, VolumePlan } from "../../plan/types.ts";
import { numericId } from "../names.ts";
import { type ChildOptions, childOf } from "../options.ts";
import type { Turns } from "./turns.ts";
import { gracefulStep } from "./type-step.ts";

export type MachineArgs = {
  readonly machine: MachinePlan;
  readonly location: string;
  /** Name of a Hetzner image, or the id of a snapshot. */
  readonly image: string;
  /** Cloud-init document; at most 32,768 bytes at Hetzner. */
  readonly userData: string;
  readonly sshKeyIds: readonly pulumi.Input<string>[];
  readonly networkId: pulumi.Input<number>;
  /** Null for a machine without a public door. */
  readonly primaryIp: PrimaryIpPlan | null;
  /** Null without a public door: Hetzner's firewalls filter public traffic only. */
  readonly firewallId: pulumi.Input<number> | null;
  readonly placementGroupId: pulumi.Input<number> | null;
  readonly volumes: readonly VolumePlan[];
  /**
   * Refuse whatever would take data or an address away, in Pulumi and at Hetzner. Off only on the way to taking the stack
   * down: the provider does not lift Hetzner's protection when it deletes, whatever its manual says
   * (terraform-provider-hcloud issue 1206, open in July 2026).
   */
  readonly protection: boolean;
  /** Keeps machines of the stack from being taken away side by side. */
  readonly turns: Turns;
};

/**
 * Arguments of a running server that take effect only on a new one. Changing any of them would replace the server and
 * drop its disk (all three are ForceNew in the provider), so they count for new machines only and running ones get the
 * change by convergence over SSH. `location` and the network are left out on purpose: a change there is a mistake that
 * `protect` should refuse, not one to pass over in silence.
 */
const bootOnly = ["image", "userData", "sshKeys"];

/**
 * One server with the address and the volumes that belong to it and outlive it.
 *
 * `dependsOn` names what has to stand before it boots: its subnet, and for a private machine its way to the internet.
 */
export class Machine extends pulumi.ComponentResource {
  readonly plan: MachinePlan;
  readonly server: hcloud.Server;
  /** Null for a machine without a public door. */
  readonly publicIp: pulumi.Output<string> | null;

  constructor(name: string, args: MachineArgs, opts?: pulumi.ComponentResourceOptions) {
    const faults = contradictions(args);
    if (faults.length > 0) throw new Error(`machine ${args.machine.name}: ${faults.join("; ")}`);
    super("chitlaq:machine:Machine", name, {}, opts);

    const child = childOf(this, opts);
    const address = createAddress(args, child);
    this.server = createServer(name, args, address, child);
    createVolumes(args, this.server, child);

    this.plan = args.machine;
    this.publicIp = address?.ipAddress ?? null;
    this.registerOutputs({ privateIp: this.plan.privateIp, publicIp: this.publicIp });
  }
}

/** DNS and the operators' allow lists name this address, so it is kept when the server goes. */
const createAddress = (
  { primaryIp, location, protection }: MachineArgs,
  child: ChildOptions,
): hcloud.PrimaryIp | null => {
  if (primaryIp === null) return null;
  return new hcloud.PrimaryIp(
    primaryIp.name,
    {
      name: primaryIp.providerName,
      type: primaryIp.type,
      location,
      autoDelete: false,
      deleteProtection: protection,
      labels: primaryIp.labels,
    },
    { ...child, protect: protection, deleteBeforeReplace: true },
  );
};

const createServer = (
  name: string,
  args: MachineArgs,
  address: hcloud.PrimaryIp | null,
  child: ChildOptions,
): hcloud.Server => {
  const { machine } = args;
  const isProtected = machine.stateful && args.protection;
  return new hcloud.Server(
    `${name}-server`,
    {
      name: machine.hostname,
      serverType: machine.serverType,
      keepDisk: machine.keepDisk,
      location: args.location,
      image: args.image,
      userData: args.userData,
      sshKeys: [...args.sshKeyIds],
      publicNets: [publicNet(address)],
      // `aliasIps: []` because the provider reports a change on every run when it is left out
      // (terraform-provider-hcloud issue 650).
      networks: [{ networkId: args.networkId, ip: machine.privateIp, aliasIps: [] }],
      ...(args.firewallId === null ? {} : { firewallIds: [args.firewallId] }),
      ...(args.placementGroupId === null ? {} : { placementGroupId: args.placementGroupId }),
      backups: machine.providerBackups,
      shutdownBeforeDeletion: true,
      // Hetzner demands that both protections are equal.
      deleteProtection: isProtected,
      rebuildProtection: isProtected,
      labels: machine.labels,
    },
    {
      ...child,
      protect: isProtected,
      ignoreChanges: bootOnly,
      hooks: gracefulStep(`${name}-server`, machine.hostname, loadHetznerAccess(), args.turns),
      // Server names are unique and the private address is taken while the old server stands.
      deleteBeforeReplace: true,
    },
  );
};

const createVolumes = (
  { volumes, location, protection }: MachineArgs,
  server: hcloud.Server,
  child: ChildOptions,
): void => {
  for (const volume of volumes) {
    const disk = new hcloud.Volume(
      volume.name,
      {
        name: volume.providerName,
        location,
        size: volume.sizeGiB,
        format: volume.format,
        deleteProtection: protection,
        labels: volume.labels,
      },
      { ...child, protect: protection, deleteBeforeReplace: true },
    );
    new hcloud.VolumeAttachment(
      `${volume.name}-attachment`,
      {
        volumeId: disk.id.apply(numericId),
        serverId: server.id.apply(numericId),
        // The machine mounts its volumes itself, with its own options.
        automount: false,
      },
      // Protected although it holds nothing: a refused `destroy --skip-preview` still deletes what is not protected, and
      // a database whose volume is pulled off crashes.
      { ...child, protect: protection, deleteBeforeReplace: true },
    );
  }
};

const publicNet = (address: hcloud.PrimaryIp | null): hcloud.types.input.ServerPublicNet =>
  address === null
    ? { ipv4Enabled: false, ipv6Enabled: false }
    : { ipv4Enabled: true, ipv4: address.id.apply(numericId), ipv6Enabled: false };

const contradictions = ({ machine, primaryIp, firewallId, volumes }: MachineArgs): readonly string[] => [
  ...(machine.primaryIp === (primaryIp?.name ?? null)
    ? []
    : [`wants the primary IP ${machine.primaryIp ?? "none"}, was given ${primaryIp?.name ?? "none"}`]),
  ...((machine.primaryIp === null) === (firewallId === null)
    ? []
    : ["a public address needs a firewall, and a firewall filters nothing without one"]),
  ...volumes
    .filter((volume) => volume.machine !== machine.name)
    .map((volume) => `the volume ${volume.name} belongs to ${volume.machine}`),
];
