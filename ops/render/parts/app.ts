import type { AppService, Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled, script, unitFile } from "../assets.ts";
import { type Part, part } from "../types.ts";
import { memoryLimit } from "./postgres.ts";
import { appPassword, authority, password, sentinelPassword, shared, valkeyAppPassword } from "./secrets.ts";

const unit = "chitlaq-app.service";
const loopback = "127.0.0.1";

/** The application on a machine of its own or beside everything else; null where it does not run. */
export function appPart(plan: Plan, machine: Machine): Part | null {
  const { app, memoryBudgetMiB } = plan.services;
  if (app === null || (machine.role !== "api" && machine.role !== "server")) return null;
  const host = listenAddress(machine);
  const url = `http://${host}:${app.port}`;
  const memoryMax = memoryLimit(app.memoryMaxMiB ?? memoryBudgetMiB?.app ?? null);
  return part({
    packages: ["nodejs"],
    files: [
      file("/etc/chitlaq/app.env", environment(plan, app, host), { action: `restart:${unit}` }),
      file(
        "/etc/chitlaq/release.env",
        filled("app/release.env.tmpl", "shell", {
          url: app.release?.url ?? "",
          sha256: app.release?.sha256 ?? "",
          version: app.release?.version ?? "",
          appUrl: url,
        }),
      ),
      unitFile(unit, filled("app/chitlaq-app.service.tmpl", "systemd", { memoryMax })),
      script("/usr/local/sbin/chitlaq-deploy", "app/deploy.sh"),
      script("/usr/local/sbin/chitlaq-drain", "load-balancer/drain.sh"),
      script("/usr/local/lib/chitlaq/activate.d/60-app", "app/activate.sh"),
    ],
    units: [{ when: "secrets", unit, refresh: "restart" }],
    secrets: [
      authority,
      appPassword,
      valkeyAppPassword,
      shared("app-session-secret", "key of the application's session tokens", password),
      ...(plan.services.redis.sentinel === null ? [] : [sentinelPassword]),
    ],
    // A machine no release was brought to yet has nothing that could be ill.
    checks: [{ name: "app", command: `[ ! -e /opt/chitlaq/current ] || curl -fsS -o /dev/null ${url}/readyz` }],
    users: [{ name: "chitlaq", what: "ChitLaq application", home: "/opt/chitlaq" }],
    directories: [{ path: "/opt/chitlaq", mode: "0755", owner: "root", group: "root" }],
  });
}

const listenAddress = (machine: Machine): string => (machine.role === "server" ? loopback : machine.privateIp);

function environment(plan: Plan, app: AppService, host: string): string {
  const { database, redis, loadBalancer } = plan.services;
  const { maxClientConnections, poolSize, port } = database.pgbouncer;
  return filled("app/app.env.tmpl", "shell", {
    host,
    port: app.port,
    // HAProxy or, in phase 1, PgBouncer itself.
    databaseHost: loopback,
    databasePort: port,
    databasePoolSize: Math.min(poolSize * 2, Math.floor(maxClientConnections / loadBalancer.upstreams.length)),
    redisHost: redis.members[0]?.ip ?? loopback,
    redisPort: redis.port,
    redisSentinels: redis.sentinel?.members.map(({ ip }) => `${ip}:${redis.sentinel?.port}`).join(",") ?? "",
    redisMasterName: redis.sentinel?.masterName ?? "",
    maxWebSockets: plan.limits.webSocketConnections,
  });
}

/** The way from an application machine to whichever database member leads. */
export function databaseDoorPart(plan: Plan, machine: Machine): Part | null {
  const { database } = plan.services;
  if (machine.role !== "api" || database.patroni === null) return null;
  const configuration = filled("app/haproxy.cfg.tmpl", "haproxy", {
    maxConnections: database.pgbouncer.maxClientConnections,
    port: database.pgbouncer.port,
    patroniPort: database.patroni.restPort,
    members: database.members.map(({ machine: name, ip }) => ({ machine: name, ip })),
  });
  return part({
    packages: ["haproxy"],
    files: [
      file("/etc/haproxy/haproxy.cfg", configuration, { action: "reload:haproxy.service" }),
      unitFile("haproxy.service.d/chitlaq.conf", asset("common/haproxy.service.conf")),
    ],
    units: [{ when: "secrets", unit: "haproxy.service", refresh: "reload" }],
    secrets: [authority],
    checks: [
      {
        name: "database-door",
        command:
          'echo \'show stat\' | nc -N -U /run/haproxy/admin.sock | awk -F, \'$1 == "primary" && $2 == "BACKEND" && $18 == "UP" { up = 1 } END { exit !up }\'',
      },
    ],
  });
}
