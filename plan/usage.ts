import type { PlatformConfig } from "../config/schema.ts";
import { databaseBytesPerUser, expectedUsers, imageBytesPerUser, trafficPerUser } from "./capacity.ts";
import type { Usage } from "./types.ts";

/**
 * Assumptions about backups, none of them the capacity plan's: zstd leaves 35 % of PostgreSQL's pages; a differential is a
 * tenth of a full; a day's WAL is a fifth of the database. Retention by time keeps a full until a newer one is 30 days old:
 * 6 weekly fulls, 31 differentials between them, and 37 days of WAL.
 */
const backup = { compression: 0.35, fulls: 6, differentials: 31, differentialShare: 0.1, walDays: 37, walShare: 0.2 };

/** Kept backup as a multiple of the database's size. */
const backupFactor =
  backup.compression *
  (backup.fulls + backup.differentials * backup.differentialShare + backup.walDays * backup.walShare);

/** Storage and traffic at the expected number of users. Database size is the itemised, larger figure. */
export function buildUsage(config: PlatformConfig): Usage {
  const users = config.users.expected ?? expectedUsers[config.phase];
  const originShare = 1 - config.edge.cacheHitPercent / 100;
  const databaseGB = gigabytes(users * databaseBytesPerUser.itemised);
  return {
    expectedUsers: users,
    originEgressGB: gigabytes(users * trafficPerUser.monthlyBytes * originShare),
    databaseGB,
    imageGB: gigabytes(users * imageBytesPerUser),
    backupGB: round(databaseGB * backupFactor),
  };
}

const gigabytes = (bytes: number): number => round(bytes / 1e9);

/** To the megabyte. */
const round = (gigabyte: number): number => Math.round(gigabyte * 1_000) / 1_000;
