import fc from "fast-check";
import { plannedStack } from "../../cost/snapshot/take.ts";
import type { PlannedStack, Policy } from "../../cost/snapshot/types.ts";
import { book, planOf, type Raw, rawPlatform } from "./support.ts";

/** Platform values that can be planned, of every phase, place and size. */
export const anyRaw: fc.Arbitrary<Raw> = fc
  .record({
    phase: fc.constantFrom(1 as const, 2 as const, 3 as const),
    location: fc.constantFrom("fsn1", "nbg1", "ash", "hil", "sin"),
    vatPercent: fc.constantFrom(0, 7, 8.1, 19, 25),
    expected: fc.integer({ min: 1, max: 20_000_000 }),
    provider: fc.boolean(),
    plan: fc.constantFrom("pro", "business"),
    volumeGiB: fc.integer({ min: 100, max: 1_000 }),
    count: fc.integer({ min: 2, max: 6 }),
    cpu: fc.constantFrom("any", "shared", "dedicated"),
  })
  .map(({ phase, location, vatPercent, expected, provider, plan, volumeGiB, count, cpu }) =>
    rawPlatform(phase, {
      location,
      billing: { vatPercent },
      users: { expected },
      backups: { provider, objectStorage: location === "fsn1" ? "hel1" : "fsn1" },
      edge: { plan },
      ...(phase === 1 ? { server: { serverType: "auto", volumeGiB } } : {}),
      ...(phase === 2 ? { api: { count, cpu }, database: { volumeGiB, standby: provider } } : {}),
      ...(phase === 3 ? { database: { volumeGiB }, k3s: { agents: count, cpu } } : {}),
    }),
  );

export const noPolicy: Policy = { failOverBudget: false, maxIncrease: null };

/** A side of a comparison from a platform value. */
export const stackOf = (raw: Raw, policy: Policy = noPolicy, stack = "test"): PlannedStack =>
  plannedStack(planOf(raw, stack), policy, { book, at: null, usdPerEur: null });
