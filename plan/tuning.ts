import type { PostgresTuning } from "./types.ts";

/** Divisor and floor constants below are pgtune's for "web application" on SSD (le0pard/pgtune, 2026-07-30). */
const gibibyte = 1_024;

export type TuningRequest = {
  /** Memory PostgreSQL may count on, in MiB: the machine's, or its budget on a shared machine. */
  readonly memoryMiB: number;
  readonly vcpu: number;
};

/** PgBouncer's server connections per database and user: four per core keep cores busy while commits wait for the standby. */
export function poolSizeOf(vcpu: number): number {
  return Math.max(8, vcpu * 4);
}

/** Connections beside the two pools (application, migrations): Patroni, exporter, backup, operators, three reserved ones. */
const reservedConnections = 20;

export function tunePostgres({ memoryMiB, vcpu }: TuningRequest): PostgresTuning {
  const sharedBuffersMiB = Math.floor(memoryMiB / 4);
  const parallel = vcpu >= 4;
  const maxConnections = poolSizeOf(vcpu) * 2 + reservedConnections;
  const maxWorkerProcesses = parallel ? vcpu : 8;
  return {
    sharedBuffersMiB,
    effectiveCacheSizeMiB: Math.floor((memoryMiB * 3) / 4),
    maintenanceWorkMemMiB: Math.min(Math.floor(memoryMiB / 16), 8 * gibibyte),
    workMemMiB: Math.max(1, Math.floor((memoryMiB - sharedBuffersMiB) / ((maxConnections + maxWorkerProcesses) * 3))),
    walBuffersMiB: Math.max(1, Math.min(16, Math.ceil(sharedBuffersMiB * 0.03))),
    minWalSizeMiB: 1 * gibibyte,
    maxWalSizeMiB: 4 * gibibyte,
    maxConnections,
    maxWorkerProcesses,
    maxParallelWorkersPerGather: parallel ? Math.min(4, Math.ceil(vcpu / 2)) : 2,
    hugePages: sharedBuffersMiB >= 2 * gibibyte ? "try" : "off",
  };
}

/** Redis keeps the rest for replication buffers and for the pages copied while it rewrites its log. */
export function redisMaxmemoryMiB(memoryMiB: number): number {
  return Math.floor(memoryMiB * 0.7);
}

/** Shares of phase 1's one machine, in percent of its memory. */
const budgetPercent = { system: 12, postgresql: 48, app: 25, redis: 10, nginx: 5 } as const;

export type BudgetName = keyof typeof budgetPercent;

/** What each service of phase 1's machine may use, in MiB; the sum never exceeds the machine. */
export function memoryBudget(memoryGiB: number): Readonly<Record<BudgetName, number>> {
  const share = (percent: number) => Math.floor((memoryGiB * gibibyte * percent) / 100);
  return {
    system: share(budgetPercent.system),
    postgresql: share(budgetPercent.postgresql),
    app: share(budgetPercent.app),
    redis: share(budgetPercent.redis),
    nginx: share(budgetPercent.nginx),
  };
}
