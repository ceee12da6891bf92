import type { Location } from "../config/schema.ts";
import type { Budget, Limits, Phase, Profile, Role, Slo, Trigger } from "./types.ts";

/**
 * The capacity plan's numbers, in one place (ChitLaq M1 MVP, "Capacity Planning and Scaling Strategy", version 1.0).
 * Where the plan contradicts itself or the market, both figures stand here and `docs/plan-and-reality.md` explains.
 */

/** "Current Infrastructure Baseline". A CPX21 has 3 vCPU, 4 GB and 80 GB: `asSold` is what Hetzner delivers. */
export const baseline = {
  serverType: "cpx21",
  stated: { vcpu: 3, memoryGiB: 8, storageGiB: 160 },
  asSold: { vcpu: 3, memoryGiB: 4, storageGiB: 80 },
  trafficTB: 20,
  costUsd: 100,
} as const;

/** "Phase 1: Current VPS Optimization": the step the plan doubles the budget for. */
export const upgradeTarget = { vcpu: 4, memoryGiB: 16, storageGiB: 320 } as const satisfies Profile;

/**
 * The least each role needs. vCPU and memory are the plan's, except in phase 1, whose 8 GB no 3-vCPU type has. The plan
 * states storage for phase 1 only; elsewhere 40 GB is the operating system with its logs, and 80 GB a database with its
 * volume.
 */
export const profiles: Readonly<Record<Phase, Partial<Readonly<Record<Role, Profile>>>>> = {
  1: { server: { vcpu: 3, memoryGiB: 4, storageGiB: 160 } },
  2: {
    "load-balancer": { vcpu: 2, memoryGiB: 4, storageGiB: 40 },
    api: { vcpu: 4, memoryGiB: 16, storageGiB: 40 },
    database: { vcpu: 8, memoryGiB: 32, storageGiB: 80 },
    redis: { vcpu: 2, memoryGiB: 8, storageGiB: 40 },
  },
  3: {
    "load-balancer": { vcpu: 4, memoryGiB: 8, storageGiB: 40 },
    "k3s-server": { vcpu: 8, memoryGiB: 32, storageGiB: 40 },
    "k3s-agent": { vcpu: 8, memoryGiB: 32, storageGiB: 40 },
    database: { vcpu: 8, memoryGiB: 32, storageGiB: 80 },
    redis: { vcpu: 4, memoryGiB: 16, storageGiB: 40 },
  },
};

/**
 * Vertical steps of phase 1, smallest first. A step stays within one family, so that it is an in-place change of type.
 * The first generation (cpx21…) can be ordered in the US only since 2026; elsewhere the second generation starts at cpx32,
 * because cpx22 has 2 vCPU.
 */
const ladders: readonly { readonly locations: readonly Location[]; readonly steps: readonly [string, ...string[]] }[] =
  [
    { locations: ["ash", "hil"], steps: ["cpx21", "cpx31", "cpx41", "cpx51"] },
    { locations: ["fsn1", "nbg1", "hel1", "sin"], steps: ["cpx32", "cpx42", "cpx52", "cpx62"] },
  ];

/** Server types of phase 1's vertical steps in a location, smallest first. */
export function ladderOf(location: Location): readonly [string, ...string[]] {
  const ladder = ladders.find((entry) => entry.locations.includes(location));
  if (ladder === undefined) throw new Error(`no ladder for location ${location}`);
  return ladder.steps;
}

/** "Current Capacity Limits": what the baseline machine carries. */
export const baselineLimits: Limits = {
  users: { from: 0, to: 10_000 },
  concurrentUsers: { from: 500, to: 800 },
  requestsPerSecond: 1_000,
  databaseConnections: 200,
  webSocketConnections: 1_000,
};

/** "Capacity Limits" of each phase; phase 1's hold after the upgrade. */
export const limits: Readonly<Record<Phase, Limits>> = {
  1: {
    users: { from: 0, to: 10_000 },
    concurrentUsers: { from: 1_000, to: 2_000 },
    requestsPerSecond: 2_000,
    databaseConnections: 400,
    webSocketConnections: 2_000,
  },
  2: {
    users: { from: 10_000, to: 100_000 },
    concurrentUsers: { from: 10_000, to: 20_000 },
    requestsPerSecond: 10_000,
    databaseConnections: 1_000,
    webSocketConnections: 10_000,
  },
  3: {
    users: { from: 100_000, to: null },
    concurrentUsers: { from: 100_000, to: null },
    requestsPerSecond: 50_000,
    databaseConnections: 5_000,
    webSocketConnections: 100_000,
  },
};

/** "Cost Optimization Strategies". Phase 1 costs 100 before and 200 after the upgrade. */
export const budgets: Readonly<Record<Phase, Omit<Budget, "usd">>> = {
  1: { planUsd: { from: 100, to: 200 }, costPerUserUsd: { from: 0.1, to: 0.2, atUsers: 1_000 } },
  2: { planUsd: { from: 800, to: 800 }, costPerUserUsd: { from: 0.08, to: 0.16, atUsers: 10_000 } },
  3: { planUsd: { from: 2_500, to: 2_500 }, costPerUserUsd: { from: 0.05, to: 0.1, atUsers: 100_000 } },
};

/** Users the bill is worked out for when config names none: half of the phase's range, and half a million in phase 3. */
export const expectedUsers: Readonly<Record<Phase, number>> = { 1: 5_000, 2: 50_000, 3: 500_000 };

/** "User Growth Scenarios": users at the end of months 1 to 6. */
export const growthScenarios = {
  conservative: [1_000, 2_500, 5_000, 8_000, 12_000, 18_000],
  moderate: [2_000, 6_000, 15_000, 30_000, 50_000, 80_000],
  aggressive: [5_000, 20_000, 60_000, 150_000, 300_000, 500_000],
} as const;

export type GrowthScenario = keyof typeof growthScenarios;

/**
 * "Database Growth" in bytes (10^3 per KB). The plan's total of 25 KB is less than the sum of its own items:
 * 1 KB + 10 posts × 2 KB + 50 messages × 0.5 KB = 46 KB.
 */
export const databaseBytesPerUser = {
  stated: 25_000,
  items: {
    user: { bytes: 1_000, perUser: 1 },
    posts: { bytes: 2_000, perUser: 10 },
    messages: { bytes: 500, perUser: 50 },
  },
  itemised: 46_000,
} as const;

/** "Storage Projections": 500 MB of images per 1,000 users. */
export const imageBytesPerUser = 500_000;

/** "Bandwidth Projections": per user, 100 API calls and 1 MB of images a day, 30 MB of traffic a month. */
export const trafficPerUser = {
  apiCallsPerDay: 100,
  imageBytesPerDay: 1_000_000,
  monthlyBytes: 30_000_000,
} as const;

/** The plan's two tables as printed, for reports and for the test that the per-user figures above reproduce them. */
export const storageTable = [
  { users: 1_000, databaseGB: 0.025, imageGB: 0.5 },
  { users: 10_000, databaseGB: 0.25, imageGB: 5 },
  { users: 100_000, databaseGB: 2.5, imageGB: 50 },
  { users: 1_000_000, databaseGB: 25, imageGB: 500 },
] as const;

export const bandwidthTable = [
  { users: 1_000, apiCallsPerDay: 100_000, imageGBPerDay: 1, monthlyGB: 30 },
  { users: 10_000, apiCallsPerDay: 1_000_000, imageGBPerDay: 10, monthlyGB: 300 },
  { users: 100_000, apiCallsPerDay: 10_000_000, imageGBPerDay: 100, monthlyGB: 3_000 },
  { users: 1_000_000, apiCallsPerDay: 100_000_000, imageGBPerDay: 1_000, monthlyGB: 30_000 },
] as const;

/** "Scaling Triggers": performance, capacity, and the two business ones that have a number. */
export const triggers: readonly Trigger[] = [
  { metric: "api-response-time-p95", threshold: 200, unit: "ms", forMinutes: null },
  { metric: "database-query-time-p95", threshold: 100, unit: "ms", forMinutes: null },
  { metric: "websocket-latency-p95", threshold: 150, unit: "ms", forMinutes: null },
  { metric: "cpu-usage", threshold: 80, unit: "percent", forMinutes: 10 },
  { metric: "memory-usage", threshold: 85, unit: "percent", forMinutes: 10 },
  { metric: "disk-usage", threshold: 80, unit: "percent", forMinutes: null },
  { metric: "concurrent-users", threshold: 80, unit: "percent-of-limit", forMinutes: null },
  { metric: "requests-per-second", threshold: 80, unit: "percent-of-limit", forMinutes: null },
  { metric: "database-connections", threshold: 80, unit: "percent-of-pool", forMinutes: null },
  { metric: "storage", threshold: 80, unit: "percent-of-limit", forMinutes: null },
  { metric: "bandwidth", threshold: 80, unit: "percent-of-limit", forMinutes: null },
  { metric: "user-growth", threshold: 20, unit: "percent-per-month", forMinutes: null },
  { metric: "revenue-growth", threshold: 30, unit: "percent-per-month", forMinutes: null },
];

/** "Success Metrics" and "Backup Strategy". */
export const slo: Slo = { availabilityPercent: 99.9, p95Ms: 150, rtoHours: 4, rpoHours: 1 };

export const backupTargets = { retentionDays: 30, fullEveryDays: 7, differentialEveryDays: 1 } as const;

/** "Cost Metrics" and "Performance Metrics" that name a number. */
export const successMetrics = {
  costPerActiveUserUsd: 0.1,
  utilisationPercent: 80,
  costGrowthPercentOfUserGrowth: 50,
  concurrentUsers: 10_000,
  userGrowthPercentPerMonth: 20,
  revenueGrowthPercentPerMonth: 30,
} as const;

/** "Implementation Timeline", in months after launch; null is open-ended. */
export const timeline = [
  { phase: 1, fromMonth: 1, toMonth: 2 },
  { phase: 2, fromMonth: 3, toMonth: 4 },
  { phase: 3, fromMonth: 5, toMonth: 6 },
  { phase: "optimisation", fromMonth: 7, toMonth: null },
] as const;

/** "Service Decomposition" of phase 3. */
export const microservices = ["user", "content", "messaging", "feed", "search", "notification"] as const;
