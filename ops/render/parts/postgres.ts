import { parse } from "yaml";
import type { DatabaseService, Machine, Plan, PostgresTuning } from "../../../plan/types.ts";
import { asset, file, filled, filledYaml, script, unitFile } from "../assets.ts";
import { type MachineFile, type Part, part } from "../types.ts";
import type { YamlValue } from "../yamlTemplate.ts";
import { appPassword, machineCertificate } from "./secrets.ts";

const libraries = "/usr/local/lib/chitlaq";

export type Parameters = Readonly<Record<string, string | number>>;

/** Debian's place for a cluster, on the volume that is mounted above it. */
export function dataDirectory(database: DatabaseService): string {
  return `${database.dataMount}/${database.version}/main`;
}

/** Settings of one member beside those the cluster shares. */
export function memberParameters(database: DatabaseService, tuning: PostgresTuning): Parameters {
  const mebibytes = (value: number) => `${value}MB`;
  return parameters("database/parameters.yaml", {
    sharedBuffers: mebibytes(tuning.sharedBuffersMiB),
    effectiveCacheSize: mebibytes(tuning.effectiveCacheSizeMiB),
    maintenanceWorkMem: mebibytes(tuning.maintenanceWorkMemMiB),
    workMem: mebibytes(tuning.workMemMiB),
    walBuffers: mebibytes(tuning.walBuffersMiB),
    minWalSize: mebibytes(tuning.minWalSizeMiB),
    maxWalSize: mebibytes(tuning.maxWalSizeMiB),
    maxParallelWorkers: tuning.maxWorkerProcesses,
    maxParallelWorkersPerGather: tuning.maxParallelWorkersPerGather,
    hugePages: tuning.hugePages,
    archiveTimeout: `${database.archiveTimeoutSeconds}s`,
  });
}

/** Settings that must be equal on all members. */
export function clusterParameters(tuning: PostgresTuning): Parameters {
  return parameters("database/cluster-parameters.yaml", {
    maxConnections: tuning.maxConnections,
    maxWorkerProcesses: tuning.maxWorkerProcesses,
  });
}

function parameters(name: string, values: Readonly<Record<string, YamlValue>>): Parameters {
  return parse(filledYaml(name, values)) as Parameters;
}

/** PgBouncer runs as Debian's system user postgres, and is chitlaq to PostgreSQL. */
export const identityMap: readonly string[] = ["pooler postgres chitlaq"];

/** Who may log in to PostgreSQL itself; the first rule that fits decides. Applications do so at PgBouncer only. */
export function hostBasedAccess(database: DatabaseService): readonly string[] {
  const members = database.patroni === null ? [] : database.members.map(({ ip }) => `${ip}/32`);
  const scram = "scram-sha-256";
  return [
    "local all postgres peer",
    "local chitlaq chitlaq peer map=pooler",
    `local all all ${scram}`,
    ...(database.patroni === null
      ? []
      : [
          `local replication replicator ${scram}`,
          // Patroni reads its own server's timeline this way; without it a former leader stays on the old one.
          `host replication replicator 127.0.0.1/32 ${scram}`,
        ]),
    ...members.flatMap((address) => [
      `hostssl replication replicator ${address} ${scram}`,
      `hostssl postgres rewinder ${address} ${scram}`,
    ]),
  ];
}

/** PostgreSQL as on every machine that holds it, without what starts it: Patroni or Debian's own unit. */
export function postgresPart(plan: Plan, machine: Machine): Part | null {
  const { database } = plan.services;
  const member = database.members.find((candidate) => candidate.machine === machine.name);
  if (member === undefined) return null;
  const environment = filled("database/database.env.tmpl", "shell", {
    dataMount: database.dataMount,
    dataDirectory: dataDirectory(database),
    patroni: database.patroni === null ? "no" : "yes",
    patroniUrl: database.patroni === null ? "" : `https://${member.ip}:${database.patroni.restPort}`,
  });
  return part({
    packages: ["e2fsprogs", `postgresql-${database.version}`],
    files: [
      file("/etc/postgresql-common/createcluster.conf", asset("database/createcluster.conf"), { stage: "early" }),
      file("/etc/chitlaq/database.env", environment),
      script(`${libraries}/volume`, "common/volume.sh"),
      unitFile(
        "chitlaq-volume.service",
        filled("common/chitlaq-volume.service.tmpl", "systemd", { mount: database.dataMount }),
      ),
      script(`${libraries}/database-directory`, "database/database-directory.sh"),
      script(`${libraries}/database-roles`, "database/database-roles.sh"),
      script(`${libraries}/database`, "database/database.sh"),
      script(`${libraries}/pgbackrest-push`, "database/archive-push.sh"),
      unitFile("chitlaq-database.service", asset("database/chitlaq-database.service")),
      unitFile("chitlaq-heartbeat.service", asset("database/chitlaq-heartbeat.service")),
      unitFile("chitlaq-heartbeat.timer", asset("database/chitlaq-heartbeat.timer")),
      script(`${libraries}/activate.d/20-database`, "database/activate.sh"),
      script(`${libraries}/database-settings`, "database/settings.sh", { stage: "late" }),
      ...poolerFiles(database, member.ip),
    ],
    units: [
      { when: "boot", unit: "chitlaq-volume.service", refresh: "none" },
      { when: "secrets", unit: "pgbouncer.service", refresh: "reload" },
      { when: "secrets", unit: "chitlaq-database.service", refresh: "restart" },
      { when: "secrets", unit: "chitlaq-heartbeat.timer", refresh: "none" },
    ],
    secrets: [...machineCertificate(machine), appPassword],
    checks: [
      { name: "volume", command: `mountpoint -q ${database.dataMount}` },
      { name: "postgresql", command: "runuser -u postgres -- psql -XAtqc 'SELECT 1' -h /var/run/postgresql postgres" },
      {
        name: "pgbouncer",
        command: `runuser -u postgres -- psql -XAtqc 'SHOW VERSION' -h /var/run/postgresql -p ${database.pgbouncer.port} -U pgbouncer pgbouncer`,
      },
    ],
    tlsReaders: ["postgres"],
    directories: [{ path: "/var/log/postgresql", mode: "1775", owner: "root", group: "postgres" }],
  });
}

function poolerFiles(database: DatabaseService, ip: string): readonly MachineFile[] {
  const { port, maxClientConnections, poolSize } = database.pgbouncer;
  const settings = filled("database/pgbouncer.ini.tmpl", "ini", { listen: ip, port, maxClientConnections, poolSize });
  const access = filled("database/pgbouncer-hba.conf.tmpl", "ini", { clients: database.clientRanges });
  const readers = { mode: "0640", group: "postgres", action: "reload:pgbouncer.service" } as const;
  return [
    file("/etc/pgbouncer/pgbouncer.ini", settings, readers),
    file("/etc/chitlaq/pgbouncer/hba.conf", access, readers),
    unitFile("pgbouncer.service.d/chitlaq.conf", asset("database/pgbouncer.service.conf")),
  ];
}

/** Packages of PgBouncer go with whoever pools. */
export const poolerPackages = ["pgbouncer"] as const;

/** Phase 1: Debian's own cluster unit runs PostgreSQL. */
export function singleClusterPart(plan: Plan, machine: Machine): Part | null {
  const { database, memoryBudgetMiB } = plan.services;
  const member = database.members.find((candidate) => candidate.machine === machine.name);
  if (member === undefined || database.patroni !== null) return null;
  const all: Parameters = {
    listen_addresses: member.ip,
    port: database.port,
    hba_file: "/etc/chitlaq/postgresql/pg_hba.conf",
    ident_file: "/etc/chitlaq/postgresql/pg_ident.conf",
    ...clusterParameters(member.tuning),
    ...memberParameters(database, member.tuning),
  };
  const readers = { mode: "0640", group: "postgres", action: "reload:postgresql@17-main.service" } as const;
  const memoryMax = memoryLimit(memoryBudgetMiB?.postgresql ?? null);
  return part({
    packages: poolerPackages,
    files: [
      file("/etc/chitlaq/postgresql/settings.conf", settingsFile(all), readers),
      file(
        "/etc/chitlaq/postgresql/pg_hba.conf",
        filled("database/pg_hba.conf.tmpl", "pgconf", { rules: hostBasedAccess(database) }),
        readers,
      ),
      file(
        "/etc/chitlaq/postgresql/pg_ident.conf",
        filled("database/pg_ident.conf.tmpl", "pgconf", { map: identityMap }),
        readers,
      ),
      script(`${libraries}/cluster`, "database/cluster.sh"),
      unitFile("chitlaq-cluster.service", asset("database/chitlaq-cluster.service")),
      unitFile(
        "postgresql@17-main.service.d/chitlaq.conf",
        filled("database/postgresql.service.conf.tmpl", "systemd", { memoryMax }),
      ),
    ],
    units: [
      { when: "secrets", unit: "chitlaq-cluster.service", refresh: "none" },
      // An upgrade of the package restarts clusters through it, and Debian's image has it enabled.
      { when: "secrets", unit: "postgresql.service", refresh: "none" },
      { when: "secrets", unit: "postgresql@17-main.service", refresh: "reload" },
    ],
  });
}

/** A unit's memory limit in systemd's words. */
export function memoryLimit(mebibytes: number | null): string {
  return mebibytes === null ? "infinity" : `${mebibytes}M`;
}

/** Settings in PostgreSQL's own file format: every value quoted, quotes doubled. */
export function settingsFile(settings: Parameters): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${String(value).replaceAll("'", "''")}'`);
  return ["# Sizes are worked out in the plan; the reasons for the rest stand in ops/database.", ...lines, ""].join(
    "\n",
  );
}
