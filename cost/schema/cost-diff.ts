import { z } from "zod";
import { limitNames } from "../capacity/load.ts";
import { changeKinds } from "../diff/lines.ts";
import { warningKinds } from "../diff/warnings.ts";
import { amountsSchema, lineSchema, moneySchema } from "./cost-output.ts";

/**
 * What a change costs, as JSON: `cost diff --json`. Published as `cost-diff.schema.json`.
 *
 * A field may be added under the same version; one that changes its meaning or goes away raises it.
 */

const span = z.strictObject({ from: z.number(), to: z.number() });

const sideSchema = z.strictObject({
  label: z.string(),
  code: z
    .enum(["running", "own", "substitute"])
    .describe(
      "Whose code planned and priced the side: the running one, its own, or the running one for want of its own.",
    ),
  changedCode: z.array(z.string()).describe("Files that made the difference."),
  bookDate: z.string(),
});

const useSchema = z.strictObject({
  load: span.describe("At the expected users."),
  limit: z.number().nullable(),
  usedPercent: span.nullable(),
});

const stackSideSchema = z.strictObject({
  phase: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  location: z.string(),
  pricesAt: z.string(),
  usdPerEur: z.string(),
  total: amountsSchema,
  budget: z.strictObject({ usd: z.string(), usedPercent: z.string(), over: z.boolean() }),
  perUser: z.strictObject({ users: z.int(), each: moneySchema }).describe("At the expected users."),
  traffic: z.strictObject({ expectedTB: z.string(), includedTB: z.string(), overageTB: z.string() }),
  bottleneck: z.enum(limitNames).nullable().describe("The limit that is reached first."),
});

export const stackDiffSchema = z.strictObject({
  stack: z.string(),
  state: z.enum(["changed", "unchanged", "added", "removed", "faulty"]),
  faults: z.array(z.strictObject({ side: z.enum(["base", "head"]), message: z.string() })),
  before: stackSideSchema.nullable(),
  after: stackSideSchema.nullable(),
  delta: amountsSchema,
  oneTime: moneySchema.describe("Net cost of old and new running side by side while one takes over from the other."),
  lines: z.array(
    z.strictObject({
      kind: z.enum(changeKinds),
      id: z.string(),
      component: z.string(),
      name: z.string(),
      before: lineSchema.nullable(),
      after: lineSchema.nullable(),
      delta: amountsSchema,
      oneTime: moneySchema,
    }),
  ),
  headroom: z.array(
    z.strictObject({ limit: z.enum(limitNames), before: useSchema.nullable(), after: useSchema.nullable() }),
  ),
  warnings: z.array(
    z.strictObject({ kind: z.enum(warningKinds), subject: z.string().nullable(), message: z.string() }),
  ),
});

export const costDiffSchema = z.strictObject({
  version: z.literal(1),
  base: sideSchema,
  head: sideSchema,
  total: z.strictObject({ before: amountsSchema, after: amountsSchema, delta: amountsSchema, oneTime: moneySchema }),
  stacks: z.array(stackDiffSchema),
  gate: z.strictObject({
    passed: z.boolean(),
    failures: z.array(
      z.strictObject({
        stack: z.string(),
        rule: z.enum(["faulty", "over-budget", "max-increase"]),
        message: z.string(),
      }),
    ),
  }),
});

export type StackSide = z.infer<typeof stackSideSchema>;
export type StackDiff = z.infer<typeof stackDiffSchema>;
export type CostDiff = z.infer<typeof costDiffSchema>;
