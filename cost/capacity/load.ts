import { databaseBytesPerUser, imageBytesPerUser } from "../../plan/capacity.ts";
import type { Limits } from "../../plan/types.ts";
import { assumptions, secondsPerDay } from "./assumptions.ts";

/** A figure between two ends. Load is an estimate, not money: plain numbers. */
export type Span = { readonly from: number; readonly to: number };

export const limitNames = [
  "users",
  "concurrentUsers",
  "requestsPerSecond",
  "databaseConnections",
  "webSocketConnections",
  "databaseDisk",
] as const;

export type LimitName = (typeof limitNames)[number];

export const limitLabels = {
  users: "users",
  concurrentUsers: "concurrent users",
  requestsPerSecond: "requests a second",
  databaseConnections: "database connections",
  webSocketConnections: "WebSockets",
  databaseDisk: "database volume, GB",
} as const satisfies Record<LimitName, string>;

export type Load = Readonly<Record<LimitName, Span>>;

const product = (...spans: readonly Span[]): Span =>
  spans.reduce((total, span) => ({ from: total.from * span.from, to: total.to * span.to }), { from: 1, to: 1 });

const gigabyte = 1e9;

/** The load a number of registered users makes at the peak. */
export function loadAt(users: number): Load {
  const people: Span = { from: users, to: users };
  const concurrentUsers = product(people, assumptions.concurrentShare);
  const perSecond: Span = { from: 1 / secondsPerDay, to: 1 / secondsPerDay };
  const requestsPerSecond = product(people, assumptions.apiCallsPerUserPerDay, perSecond, assumptions.peakFactor);
  return {
    users: people,
    concurrentUsers,
    requestsPerSecond,
    databaseConnections: product(requestsPerSecond, assumptions.connectionSeconds),
    webSocketConnections: product(concurrentUsers, assumptions.webSocketsPerConcurrentUser),
    databaseDisk: {
      from: (users * databaseBytesPerUser.stated) / gigabyte,
      to: (users * databaseBytesPerUser.itemised) / gigabyte,
    },
  };
}

/** What the images of a number of users take, in GB of 10^9 bytes. */
export const imageGB = (users: number): number => (users * imageBytesPerUser) / gigabyte;

/** A limit: how much is promised, and whether by the plan's table or by a measurement. Null: no end. */
export type Ceiling = { readonly at: number | null; readonly source: "plan" | "measured" | "volume" };

export type Ceilings = Readonly<Record<LimitName, Ceiling>>;

/** Share of a database volume that data may take: the plan's trigger for disks. */
const usableShare = 0.8;

/**
 * The limits of a stack. Where the plan gives a range, its lower end: more was not promised. The end of a phase's users is
 * a limit of the phase, not of its machines.
 *
 * @param volumeGiB size of one database member's volume; each member holds everything.
 */
export function ceilingsOf(limits: Limits, volumeGiB: number): Ceilings {
  const plan = (at: number | null): Ceiling => ({ at, source: "plan" });
  return {
    users: plan(limits.users.to),
    concurrentUsers: plan(limits.concurrentUsers.from),
    requestsPerSecond: plan(limits.requestsPerSecond),
    databaseConnections: plan(limits.databaseConnections),
    webSocketConnections: plan(limits.webSocketConnections),
    databaseDisk: { at: (volumeGiB * usableShare * 2 ** 30) / gigabyte, source: "volume" },
  };
}

/** How much of a limit a load takes. */
export type Use = {
  readonly limit: LimitName;
  readonly load: Span;
  readonly ceiling: Ceiling;
  /** Percent of the limit; null without one. */
  readonly usedPercent: Span | null;
};

export const usesOf = (load: Load, ceilings: Ceilings): readonly Use[] =>
  limitNames.map((limit) => {
    const { at } = ceilings[limit];
    const percent = (value: number): number => (at === null ? 0 : (value / at) * 100);
    return {
      limit,
      load: load[limit],
      ceiling: ceilings[limit],
      usedPercent: at === null ? null : { from: percent(load[limit].from), to: percent(load[limit].to) },
    };
  });

/** The limit that is reached first, by the upper end of the load. */
export function bottleneck(uses: readonly Use[]): LimitName | null {
  const bounded = uses.filter((use) => use.usedPercent !== null);
  const worst = bounded.toSorted((a, b) => (b.usedPercent?.to ?? 0) - (a.usedPercent?.to ?? 0))[0];
  return worst?.limit ?? null;
}
