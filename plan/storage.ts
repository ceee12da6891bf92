import { providerName } from "./names.ts";
import { rosterOf } from "./roster.ts";
import type { PlatformConfig } from "../config/schema.ts";
import type { Machine, PrimaryIpPlan, VolumePlan } from "./types.ts";

/** Where Debian's PostgreSQL keeps its clusters. */
export const databaseMount = "/var/lib/postgresql";

export const primaryIpName = (machine: string): string => `${machine}-ipv4`;

export const volumeNames = (machine: string): readonly string[] => [`${machine}-data`];

/** Addresses outlive their machines, so that DNS stays right when a load balancer is replaced. */
export function buildPrimaryIps(stack: string, machines: readonly Machine[]): readonly PrimaryIpPlan[] {
  return machines.flatMap((machine) =>
    machine.primaryIp === null
      ? []
      : [
          {
            name: machine.primaryIp,
            providerName: providerName(stack, machine.primaryIp),
            machine: machine.name,
            type: "ipv4" as const,
            labels: machine.labels,
          },
        ],
  );
}

/** PostgreSQL's data lives on volumes: it survives the server, and server backups do not contain it. */
export function buildVolumes(
  stack: string,
  config: PlatformConfig,
  machines: readonly Machine[],
): readonly VolumePlan[] {
  const sizes = new Map(rosterOf(config).map((group) => [group.role, group.volumeGiB]));
  return machines.flatMap((machine) =>
    machine.volumes.map((name) => ({
      name,
      providerName: providerName(stack, name),
      machine: machine.name,
      sizeGiB: sizes.get(machine.role) ?? 0,
      format: "ext4" as const,
      mount: databaseMount,
      labels: machine.labels,
    })),
  );
}
