import type { PlatformConfig } from "../config/schema.ts";
import { limits } from "./capacity.ts";
import { subnetOf } from "./network.ts";
import { ports } from "./ports.ts";
import { databaseMount } from "./storage.ts";
import { memoryBudget, poolSizeOf, redisMaxmemoryMiB, tunePostgres } from "./tuning.ts";
import type { DatabaseService, EtcdMember, Machine, RedisService, Role } from "./types.ts";

/** In phase 1 every service is on one machine and listens on loopback alone. */
const loopback = "127.0.0.1";

type Address = { readonly machine: string; readonly ip: string };

export const addressOf = (machine: Machine): Address => ({ machine: machine.name, ip: machine.privateIp });

export const ofRole = (machines: readonly Machine[], role: Role): readonly Machine[] =>
  machines.filter((machine) => machine.role === role);

/** Memory of a machine that a service may count on, in MiB. */
function memoryFor(machine: Machine, service: "postgresql" | "redis"): number {
  return machine.role === "server" ? memoryBudget(machine.memoryGiB)[service] : machine.memoryGiB * 1_024;
}

export function buildDatabase(config: PlatformConfig, machines: readonly Machine[]): DatabaseService {
  const members = ofRole(machines, config.phase === 1 ? "server" : "database");
  const smallest = Math.min(...members.map((machine) => machine.vcpu));
  return {
    members: members.map((machine) => ({
      machine: machine.name,
      ip: config.phase === 1 ? loopback : machine.privateIp,
      tuning: tunePostgres({ memoryMiB: memoryFor(machine, "postgresql"), vcpu: machine.vcpu }),
    })),
    version: 17,
    port: ports.postgres,
    pgbouncer: {
      port: ports.pgbouncer,
      maxClientConnections: limits[config.phase].databaseConnections,
      poolSize: poolSizeOf(smallest),
    },
    patroni: config.phase === 1 ? null : buildPatroni(members, etcdMembers(config, machines)),
    // An idle database still ships its last rows every minute, well within the hour that may be lost. A segment closed
    // early is 16 MiB of mostly zeros and compresses to a few KB.
    archiveTimeoutSeconds: 60,
    dataMount: databaseMount,
    clientRanges: config.phase === 1 ? [`${loopback}/32`] : [subnetOf(config.network.ipRange, "app").ipRange],
  };
}

/** Lease and loop such that failover stays within 25 s: measured 20.6 to 25.0 s, against 31 to 39 s with the defaults. */
function buildPatroni(members: readonly Machine[], etcd: readonly EtcdMember[]): DatabaseService["patroni"] {
  return {
    scope: "chitlaq",
    restPort: ports.patroni,
    ttlSeconds: 20,
    loopWaitSeconds: 2,
    retryTimeoutSeconds: 5,
    synchronous: members.length > 1,
    etcd: { clientPort: ports.etcdClient, peerPort: ports.etcdPeer, members: etcd },
  };
}

/** Where etcd votes. A pair of database machines borrows its third vote from the first Redis machine. */
function etcdMembers(config: PlatformConfig, machines: readonly Machine[]): readonly EtcdMember[] {
  const databases = ofRole(machines, "database");
  const witness = config.phase === 2 && databases.length === 2 ? ofRole(machines, "redis").slice(0, 1) : [];
  return [...databases, ...witness].map(addressOf);
}

export function buildRedis(config: PlatformConfig, machines: readonly Machine[]): RedisService {
  const members = ofRole(machines, config.phase === 1 ? "server" : "redis");
  return {
    members: members.map((machine) => ({
      machine: machine.name,
      ip: config.phase === 1 ? loopback : machine.privateIp,
      maxmemoryMiB: redisMaxmemoryMiB(memoryFor(machine, "redis")),
    })),
    port: ports.redis,
    // Sessions and queues must not vanish silently: a full Redis refuses writes, and the memory trigger fires before that.
    maxmemoryPolicy: "noeviction",
    sentinel: members.length > 1 ? buildSentinel(config, machines) : null,
  };
}

/**
 * Failover takes about 2.4 s plus the down-after time (measured 3.4 s at 1 s, 7.2 s at 5 s): 2 s keeps it near 4.5 s, within
 * the 8 s allowed, and does not mistake a pause of a second, such as forking for a log rewrite, for a death.
 */
function buildSentinel(config: PlatformConfig, machines: readonly Machine[]): RedisService["sentinel"] {
  const watched = ofRole(machines, "redis");
  const witness = config.phase === 2 ? ofRole(machines, "database").slice(0, 1) : [];
  return {
    port: ports.sentinel,
    masterName: "chitlaq",
    quorum: 2,
    downAfterMs: 2_000,
    failoverTimeoutMs: 10_000,
    members: [...watched, ...witness].map(addressOf),
  };
}
