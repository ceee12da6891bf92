import type { MachineConfig, PlatformConfig } from "../config/schema.ts";
import type { Role } from "./types.ts";

/** Machines of one role, as config asks for them. */
export type Group = {
  readonly role: Role;
  /** Config key the group comes from, for messages: `platform.<field>`. */
  readonly field: string;
  readonly count: number;
  readonly retired: readonly number[];
  readonly request: MachineConfig;
  /** Size of the PostgreSQL volume each machine gets; null for none. */
  readonly volumeGiB: number | null;
};

/** The groups of a phase, public doors first. */
export function rosterOf(config: PlatformConfig): readonly Group[] {
  switch (config.phase) {
    case 1:
      return [
        {
          role: "server",
          field: "server",
          count: 1,
          retired: config.server.retiredOrdinals,
          request: config.server,
          volumeGiB: config.server.volumeGiB,
        },
      ];
    case 2:
      return [
        group("load-balancer", "loadBalancer", 1, config.loadBalancer),
        group("api", "api", config.api.count, config.api),
        group("database", "database", config.database.standby ? 2 : 1, config.database, config.database.volumeGiB),
        group("redis", "redis", config.redis.replica ? 2 : 1, config.redis),
      ];
    case 3:
      return [
        group("load-balancer", "loadBalancer", config.loadBalancer.count, config.loadBalancer),
        group("k3s-server", "k3s", config.k3s.servers, { ...config.k3s, retiredOrdinals: config.k3s.retiredServers }),
        group("k3s-agent", "k3s", config.k3s.agents, { ...config.k3s, retiredOrdinals: config.k3s.retiredAgents }),
        group("database", "database", config.database.count, config.database, config.database.volumeGiB),
        group("redis", "redis", config.redis.count, config.redis),
      ];
  }
}

function group(
  role: Role,
  field: string,
  count: number,
  request: MachineConfig & { readonly retiredOrdinals: readonly number[] },
  volumeGiB: number | null = null,
): Group {
  return { role, field, count, retired: request.retiredOrdinals, request, volumeGiB };
}

/** The first `count` ordinals that were never retired: growing, shrinking and retiring rename no other machine. */
export function ordinalsOf(count: number, retired: readonly number[]): readonly number[] {
  const gone = new Set(retired);
  const ordinals: number[] = [];
  for (let ordinal = 1; ordinals.length < count; ordinal += 1) {
    if (!gone.has(ordinal)) ordinals.push(ordinal);
  }
  return ordinals;
}
