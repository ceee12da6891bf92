import type { Machine, Plan, RedisService } from "../../../plan/types.ts";
import { asset, file, filled, script, unitFile } from "../assets.ts";
import { type HealthCheck, type MachineFile, type Part, part, type UnitRule } from "../types.ts";
import { memoryLimit } from "./postgres.ts";
import { password, replicaPassword, sentinelPassword, shared, valkeyAppPassword } from "./secrets.ts";

const libraries = "/usr/local/lib/chitlaq";
const loopback = "127.0.0.1";

type Member = RedisService["members"][number];
type Sentinel = NonNullable<RedisService["sentinel"]>;

/** Valkey, a Sentinel, or both: a Sentinel may watch from a machine that holds no data. */
export function redisPart(plan: Plan, machine: Machine): Part | null {
  const { redis } = plan.services;
  const member = redis.members.find((candidate) => candidate.machine === machine.name) ?? null;
  const watcher = redis.sentinel?.members.find((candidate) => candidate.machine === machine.name) ?? null;
  if (member === null && watcher === null) return null;
  const ip = member?.ip ?? watcher?.ip ?? loopback;
  const serverParts = member === null ? [] : [serverPart(plan, member)];
  const sentinelParts = redis.sentinel === null || watcher === null ? [] : [sentinelPart(redis, redis.sentinel, ip)];
  const parts = [...serverParts, ...sentinelParts];
  return part({
    packages: ["valkey-tools", ...parts.flatMap(({ packages }) => packages)],
    files: [
      file("/etc/chitlaq/redis.env", environment(redis, ip, member !== null, watcher !== null)),
      script(`${libraries}/activate.d/40-redis`, "redis/activate.sh"),
      ...parts.flatMap(({ files }) => files),
    ],
    units: parts.flatMap(({ units }) => units),
    secrets: [replicaPassword, ...parts.flatMap(({ secrets }) => secrets)],
    checks: parts.flatMap(({ checks }) => checks),
  });
}

function environment(redis: RedisService, ip: string, server: boolean, sentinel: boolean): string {
  return filled("redis/redis.env.tmpl", "shell", {
    server: server ? "yes" : "no",
    sentinel: sentinel ? "yes" : "no",
    port: redis.port,
    listen: loopback,
    address: ip,
    firstPrimary: redis.members[0]?.ip ?? ip,
    sentinels: redis.sentinel?.members.map((member) => member.ip).join(" ") ?? "",
    sentinelPort: redis.sentinel?.port ?? "",
    masterName: redis.sentinel?.masterName ?? "",
  });
}

function serverPart(plan: Plan, member: Member): Part {
  const { redis, memoryBudgetMiB } = plan.services;
  const unit = "valkey-server.service";
  const files: readonly MachineFile[] = [
    file("/etc/chitlaq/valkey.conf", serverConfiguration(redis, member), {
      mode: "0640",
      group: "valkey",
      action: `restart:${unit}`,
    }),
    script(`${libraries}/valkey-role`, "redis/valkey-role.sh"),
    unitFile(
      `${unit}.d/chitlaq.conf`,
      filled("redis/valkey-server.service.conf.tmpl", "systemd", {
        memoryMax: memoryLimit(memoryBudgetMiB?.redis ?? null),
      }),
    ),
  ];
  const units: readonly UnitRule[] = [{ when: "secrets", unit, refresh: "none" }];
  const checks: readonly HealthCheck[] = [
    {
      name: "valkey",
      command: `VALKEYCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-admin-password) REDISCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-admin-password) valkey-cli --no-auth-warning --user admin -h ${loopback} -p ${redis.port} PING | grep -qx PONG`,
    },
  ];
  return part({
    packages: ["valkey-server"],
    files,
    units,
    checks,
    secrets: [
      valkeyAppPassword,
      shared("valkey-admin-password", "Valkey login of operators and of this machine's own checks", password),
      // Who comes back asks the Sentinels who leads.
      ...(redis.sentinel === null ? [] : [sentinelPassword]),
    ],
  });
}

function serverConfiguration(redis: RedisService, member: Member): string {
  const replicated = redis.members.length > 1;
  const guarded = redis.members.length > 2;
  const reason = guarded
    ? "A primary cut off from both replicas stops taking writes that the next primary would not have."
    : replicated
      ? "With a single replica this would stop all writes whenever the replica is away, so the pair goes on without it."
      : "Nobody follows this server.";
  return filled("redis/valkey.conf.tmpl", "text", {
    bind: [...new Set([loopback, member.ip])].join(" "),
    port: redis.port,
    maxmemory: `${member.maxmemoryMiB}mb`,
    maxmemoryPolicy: redis.maxmemoryPolicy,
    minReplicasReason: reason,
    minReplicas: guarded ? 1 : 0,
    announce: member.ip,
  });
}

function sentinelPart(redis: RedisService, sentinel: Sentinel, ip: string): Part {
  const unit = "valkey-sentinel.service";
  const configuration = filled("redis/sentinel.conf.tmpl", "ini", {
    bind: `${loopback} ${ip}`,
    port: sentinel.port,
    announce: ip,
    masterName: sentinel.masterName,
    redisPort: redis.port,
    quorum: sentinel.quorum,
    downAfterMs: sentinel.downAfterMs,
    failoverTimeoutMs: sentinel.failoverTimeoutMs,
  });
  return part({
    packages: ["valkey-sentinel"],
    files: [
      file("/etc/chitlaq/sentinel.conf", configuration),
      unitFile(`${unit}.d/chitlaq.conf`, asset("redis/valkey-sentinel.service.conf")),
    ],
    units: [{ when: "secrets", unit, refresh: "none" }],
    secrets: [sentinelPassword],
    checks: [
      {
        name: "sentinel",
        command: `VALKEYCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-sentinel-password) REDISCLI_AUTH=$(cat /etc/chitlaq/secrets/valkey-sentinel-password) valkey-cli --no-auth-warning -h ${loopback} -p ${sentinel.port} SENTINEL CKQUORUM ${sentinel.masterName} | grep -q ^OK`,
      },
    ],
  });
}
