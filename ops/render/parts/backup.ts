import type { Machine, Plan, Role } from "../../../plan/types.ts";
import { asset, file, filled, script, unitFile } from "../assets.ts";
import { type MachineFile, type Part, part, type UnitRule } from "../types.ts";
import { dataDirectory } from "./postgres.ts";
import { objectStorageKeys, shared } from "./secrets.ts";

/**
 * What restic copies, by role. Machines that hold nothing of their own (load balancers, application and k3s machines) are
 * rebuilt from the plan and the release, and get no keys to the place where the backups are.
 */
const restic: Partial<Readonly<Record<Role, string>>> = {
  server: "/etc /opt/chitlaq /var/lib/valkey",
  database: "/etc",
  redis: "/etc /var/lib/valkey",
};

/** Programs that need the keys of the object storage. */
const late = { stage: "late" } as const;

const passphraseLength = 48;

/** Copies away from the machine: pgBackRest for the database, restic for files. */
export function backupPart(plan: Plan, machine: Machine): Part | null {
  const paths = restic[machine.role];
  if (paths === undefined) return null;
  const { backup, database } = plan.services;
  const holdsDatabase = database.members.some((member) => member.machine === machine.name);
  const files: readonly MachineFile[] = [
    file(
      "/etc/chitlaq/backup.env",
      filled("backup/backup.env.tmpl", "shell", {
        database: holdsDatabase ? "yes" : "no",
        retentionDays: backup.retentionDays,
      }),
    ),
    file(
      "/etc/chitlaq/restic.env",
      filled("backup/restic.env.tmpl", "shell", {
        repository: `s3:https://${backup.endpoint}/${backup.bucket}/${plan.stack}/files/${machine.name}`,
        region: backup.region,
        retentionDays: backup.retentionDays,
        paths,
      }),
    ),
    script("/usr/local/lib/chitlaq/restic", "backup/restic.sh", late),
    script("/usr/local/sbin/chitlaq-restic", "backup/restic-command.sh", late),
    script("/usr/local/sbin/chitlaq-backup-status", "backup/status.sh", late),
    script("/usr/local/lib/chitlaq/activate.d/10-backup", "backup/activate.sh"),
    unitFile("chitlaq-restic.service", asset("backup/chitlaq-restic.service")),
    unitFile("chitlaq-restic.timer", asset("backup/chitlaq-restic.timer")),
  ];
  return part({
    packages: ["ca-certificates", "restic", ...(holdsDatabase ? ["pgbackrest"] : [])],
    files: [...files, ...(holdsDatabase ? databaseFiles(plan, machine) : [])],
    units: [
      { when: "secrets", unit: "chitlaq-restic.timer", refresh: "none" },
      ...(holdsDatabase ? databaseTimers : []),
    ],
    secrets: [
      ...objectStorageKeys,
      shared("restic-password", "encrypts the copies of files", { kind: "passphrase", length: passphraseLength }),
      ...(holdsDatabase
        ? [
            shared("backup-cipher-passphrase", "encrypts the database backups", {
              kind: "passphrase",
              length: passphraseLength,
            }),
          ]
        : []),
    ],
    directories: [
      { path: "/var/lib/chitlaq/backup", mode: "0755", owner: "root", group: "root" },
      ...(holdsDatabase
        ? [
            { path: "/etc/pgbackrest/conf.d", mode: "0750", owner: "root", group: "postgres" },
            { path: "/var/log/pgbackrest", mode: "0770", owner: "postgres", group: "postgres" },
          ]
        : []),
    ],
  });
}

/** Log segments on their way to the repository wait beside the data: the volume is where there is room. */
const spoolOf = (directory: string): string => `${directory.replace(/\/main$/, "")}/spool`;

const databaseTimers: readonly UnitRule[] = ["full", "diff", "verify"].map((kind) => ({
  when: "secrets",
  unit: `chitlaq-backup-${kind}.timer`,
  refresh: "none",
}));

function databaseFiles(plan: Plan, machine: Machine): readonly MachineFile[] {
  const { backup, database } = plan.services;
  const directory = dataDirectory(database);
  const configuration = filled("backup/pgbackrest.conf.tmpl", "ini", {
    endpoint: backup.endpoint,
    region: backup.region,
    bucket: backup.bucket,
    path: `${plan.stack}/database`,
    retentionDays: backup.retentionDays,
    spool: spoolOf(directory),
    processes: Math.max(1, Math.floor(machine.vcpu / 2)),
    dataDirectory: directory,
  });
  const timer = (kind: string, unit: string, schedule: string) =>
    unitFile(`chitlaq-backup-${kind}.timer`, filled("backup/backup.timer.tmpl", "systemd", { kind, unit, schedule }));
  return [
    file("/etc/pgbackrest/pgbackrest.conf", configuration, { mode: "0640", group: "postgres" }),
    script("/usr/local/sbin/chitlaq-backup", "backup/backup.sh", late),
    script("/usr/local/sbin/chitlaq-backup-verify", "backup/verify.sh", late),
    script("/usr/local/sbin/chitlaq-restore", "backup/restore.sh", late),
    ...(database.patroni === null ? [] : [script("/usr/local/sbin/chitlaq-rejoin", "backup/rejoin.sh", late)]),
    file("/etc/chitlaq/postgresql/restore_hba.conf", asset("backup/restore_hba.conf"), {
      mode: "0640",
      group: "postgres",
    }),
    unitFile("chitlaq-backup@.service", asset("backup/chitlaq-backup@.service")),
    unitFile("chitlaq-backup-verify.service", asset("backup/chitlaq-backup-verify.service")),
    timer("full", "chitlaq-backup@full.service", backup.fullSchedule),
    timer("diff", "chitlaq-backup@diff.service", backup.differentialSchedule),
    // Between two full backups, when the newest chain is several days long.
    timer("verify", "chitlaq-backup-verify.service", "Thu *-*-* 04:00:00 UTC"),
  ];
}
