import { trafficPerUser } from "../../plan/capacity.ts";

/**
 * How a number of registered users becomes load. The capacity plan gives calls, images and traffic per user; it says
 * nothing of peaks, of how many users are online at once, or of connections. Those are assumptions, each with its reason,
 * and all of them are ranges.
 */
export type Assumption = {
  readonly what: string;
  readonly unit: string;
  readonly from: number;
  readonly to: number;
  /** `plan`: a figure of the capacity plan. `derived`: follows from its figures. `assumption`: ours. */
  readonly kind: "plan" | "derived" | "assumption";
  readonly source: string;
};

export const assumptions = {
  apiCallsPerUserPerDay: {
    what: "API calls of a user",
    unit: "per day",
    from: trafficPerUser.apiCallsPerDay,
    to: trafficPerUser.apiCallsPerDay,
    kind: "plan",
    source: "capacity plan, Bandwidth Projections: 100,000 calls a day for 1,000 users",
  },
  peakFactor: {
    what: "busiest second against the average second",
    unit: "times",
    from: 3,
    to: 6,
    kind: "assumption",
    source: "a day with most of its traffic in four to eight hours; no measurement yet",
  },
  concurrentShare: {
    what: "registered users who are online at the peak",
    unit: "share",
    from: 0.05,
    to: 0.1,
    kind: "derived",
    source:
      "the plan's limits are a tenth of the users each phase ends with (10,000 concurrent at 100,000); half of it as the lower end",
  },
  webSocketsPerConcurrentUser: {
    what: "open WebSockets of a user who is online",
    unit: "per user",
    from: 0.5,
    to: 1,
    kind: "derived",
    source: "the plan pairs 10,000 WebSockets with 10,000 to 20,000 concurrent users",
  },
  connectionSeconds: {
    what: "time an API request holds a database connection",
    unit: "s",
    from: 0.02,
    to: 0.1,
    kind: "assumption",
    source: "up to the plan's own alert for queries (p95 above 100 ms); Little's law gives the connections",
  },
} as const satisfies Record<string, Assumption>;

/** Seconds of a day. */
export const secondsPerDay = 86_400;
