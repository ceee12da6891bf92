import type { Fault } from "../config/faults.ts";
import type { PlatformConfig } from "../config/schema.ts";
import { ladderOf, profiles } from "./capacity.ts";
import type { Door } from "./edge.ts";
import { providerName, rolePrefixes } from "./names.ts";
import { privateAddress, tierOfRole } from "./network.ts";
import { placementGroupOf } from "./placement.ts";
import { type Group, ordinalsOf, rosterOf } from "./roster.ts";
import { chooseServerType } from "./server-types.ts";
import { primaryIpName, volumeNames } from "./storage.ts";
import type { Catalogue, Labels, Machine, Profile, Role, ServerTypeOffer } from "./types.ts";

/** Only these have a public address; everything else is reached through them. */
export const publicRoles: readonly Role[] = ["server", "load-balancer"];

/** Roles whose machines hold data; a k3s server holds its share of the cluster's etcd. */
export const statefulRoles: readonly Role[] = ["server", "database", "redis", "k3s-server"];

export type MachinesRequest = {
  readonly config: PlatformConfig;
  readonly stack: string;
  readonly catalogue: Catalogue;
  readonly labels: Labels;
};

/** All machines of a stack, or every reason why they cannot be had. */
export function buildMachines(request: MachinesRequest): {
  readonly machines: readonly Machine[];
  readonly faults: readonly Fault[];
} {
  const machines: Machine[] = [];
  const faults = new Map<string, Fault>();
  const refuse = (fault: Fault) => faults.set(`${fault.field} ${fault.rule}`, fault);
  for (const group of rosterOf(request.config)) {
    const profile = profileOf(request.config, group.role);
    const { location, phase } = request.config;
    const answer = chooseServerType({ group, phase, profile, location, catalogue: request.catalogue });
    if (!answer.ok) {
      refuse(answer.fault);
      continue;
    }
    const disk = diskOf(request, group, answer.offer, profile);
    disk.faults.forEach(refuse);
    for (const ordinal of ordinalsOf(group.count, group.retired)) {
      machines.push({
        ...identity(request, group, ordinal),
        serverType: answer.offer.name,
        vcpu: answer.offer.vcpu,
        memoryGiB: answer.offer.memoryGiB,
        diskGiB: disk.diskGiB,
        cpu: answer.offer.cpu,
        profile,
        typeChoice: answer.choice,
        orderedAt: group.request.orderedAt ?? null,
        keepDisk: request.config.phase === 1 ? request.config.server.keepDisk : group.role === "database",
        providerBackups: statefulRoles.includes(group.role) && (request.config.backups.provider ?? phase === 1),
      });
    }
  }
  return { machines, faults: [...faults.values()] };
}

/** Everything about a machine that follows from its role and ordinal alone. */
function identity(request: MachinesRequest, group: Group, ordinal: number) {
  const { role } = group;
  const name = `${rolePrefixes[role]}-${ordinal}`;
  const isPublic = publicRoles.includes(role);
  return {
    name,
    hostname: providerName(request.stack, name),
    role,
    ordinal,
    subnet: tierOfRole[role],
    privateIp: privateAddress(request.config.network.ipRange, role, ordinal),
    primaryIp: isPublic ? primaryIpName(name) : null,
    firewall: isPublic ? role : null,
    placementGroup: placementGroupOf(role),
    volumes: group.volumeGiB === null ? [] : volumeNames(name),
    stateful: statefulRoles.includes(role),
    labels: { ...request.labels, role },
  };
}

/** Machines with a public address and that address: known before any server type is. */
export function doorsOf(config: PlatformConfig): readonly Door[] {
  return rosterOf(config)
    .filter((group) => publicRoles.includes(group.role))
    .flatMap((group) =>
      ordinalsOf(group.count, group.retired).map((ordinal) => {
        const machine = `${rolePrefixes[group.role]}-${ordinal}`;
        return { machine, primaryIp: primaryIpName(machine) };
      }),
    );
}

function profileOf(config: PlatformConfig, role: Role): Profile {
  const profile = profiles[config.phase][role];
  if (profile === undefined) throw new Error(`phase ${config.phase} has no profile for role ${role}`);
  return profile;
}

/**
 * Size of the machine's disk. Phase 1's server lives through changes of type: its disk may stay behind the type's
 * (`keepDisk`) and can never be larger than it.
 */
function diskOf(
  { config, catalogue }: MachinesRequest,
  group: Group,
  offer: ServerTypeOffer,
  profile: Profile,
): { readonly diskGiB: number; readonly faults: readonly Fault[] } {
  if (config.phase !== 1) return { diskGiB: offer.diskGiB, faults: [] };
  const firstStep = catalogue.serverTypes.find((type) => type.name === ladderOf(config.location)[0]);
  const today = config.server.diskGiB ?? Math.min(firstStep?.diskGiB ?? offer.diskGiB, offer.diskGiB);
  if (offer.diskGiB < today) {
    const fault: Fault = {
      field: "server.serverType",
      value: `${offer.name} (${offer.diskGiB} GB disk)`,
      rule: `the server's disk has ${today} GB and disks never shrink`,
      fix: `set platform.server.serverType to a type with at least ${today} GB, or move the data to a new server`,
    };
    return { diskGiB: today, faults: [fault] };
  }
  const diskGiB = config.server.keepDisk ? today : offer.diskGiB;
  const volumeGiB = group.volumeGiB ?? 0;
  if (diskGiB + volumeGiB >= profile.storageGiB) return { diskGiB, faults: [] };
  const fault: Fault = {
    field: "server.volumeGiB",
    value: String(volumeGiB),
    rule: `disk (${diskGiB} GB) and volume together must have ${profile.storageGiB} GB`,
    fix: `set platform.server.volumeGiB to ${profile.storageGiB - diskGiB} or more`,
  };
  return { diskGiB, faults: [fault] };
}
