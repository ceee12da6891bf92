import { z } from "zod";
import { limitNames } from "../capacity/load.ts";
import { stageNames } from "../forecast/stages.ts";
import { moneySchema } from "./cost-output.ts";

/**
 * A forecast as JSON: `forecast --json`. Published as `forecast.schema.json`.
 *
 * A field may be added under the same version; one that changes its meaning or goes away raises it.
 */

const span = z.strictObject({ from: z.number(), to: z.number() });
const monthSpan = z
  .strictObject({ earliest: z.int().nullable(), latest: z.int().nullable() })
  .describe("Month in which the upper and the lower estimate get there; null: not within the forecast.");
const moneySpan = z.strictObject({ from: moneySchema, to: moneySchema });

const monthSchema = z.strictObject({
  month: z.int(),
  users: span,
  stage: z.enum(stageNames).describe("Smallest stage in which no limit is used by 80 % or more at the upper estimate."),
  stageAtLower: z.enum(stageNames).describe("The same at the lower estimate."),
  overloaded: z.boolean().describe("True when even the last stage is used by 100 % or more."),
  databaseGB: span.describe("From the plan's 25 KB a user to the 46 KB its own items add up to."),
  imageGB: span,
  apiCallsPerDay: span,
  trafficTB: span.describe("A month at the origin, TB of 2^40 bytes."),
  requestsPerSecond: span.describe("At the peak."),
  concurrentUsers: span,
  databaseConnections: span,
  webSocketConnections: span,
  bottleneck: z.enum(limitNames).nullable(),
  utilisationPercent: span.describe("Of the limit that is reached first."),
  monthlyNet: moneySpan,
  perUserUsd: span,
  budgetUsd: z.number(),
  overBudget: z.boolean().describe("At the upper estimate."),
});

export const scenarioForecastSchema = z.strictObject({
  name: z.string(),
  source: z.string(),
  continuation: z.string(),
  months: z.array(monthSchema),
  limits: z.array(
    z.strictObject({
      stage: z.enum(stageNames),
      limit: z.enum(limitNames),
      at: z.number().nullable(),
      source: z.enum(["plan", "measured", "volume"]),
      reaches80: monthSpan,
      reaches100: monthSpan,
    }),
  ),
  moves: z.array(
    z.strictObject({
      to: z.enum(stageNames),
      neededInMonth: z.int().describe("At the upper estimate."),
      latestMonth: z.int().nullable().describe("At the lower estimate; null: not within the forecast."),
      because: z.enum(limitNames).nullable(),
      decideByMonth: z.int().describe("Lead time before; 0 and below: it should have been decided already."),
    }),
  ),
  success: z.array(z.strictObject({ metric: z.string(), target: z.string(), result: z.string(), met: z.boolean() })),
});

export const forecastSchema = z.strictObject({
  version: z.literal(1),
  prices: z.strictObject({ at: z.string(), usdPerEur: z.string() }),
  leadTimeMonths: z.int(),
  assumptions: z.array(
    z.strictObject({
      name: z.string(),
      what: z.string(),
      unit: z.string(),
      from: z.number(),
      to: z.number(),
      kind: z.enum(["plan", "derived", "assumption"]),
      source: z.string(),
    }),
  ),
  scenarios: z.array(scenarioForecastSchema),
  stages: z.array(
    z.strictObject({
      stage: z.enum(stageNames),
      monthlyNet: moneySchema.describe("At the stack's expected users."),
      budgetUsd: z.number(),
      parts: z.array(z.strictObject({ component: z.string(), monthlyNet: moneySchema })),
    }),
  ),
  savings: z.array(
    z.strictObject({
      idea: z.string(),
      promised: z.string().nullable(),
      answer: z.string(),
      monthlyNet: moneySchema.nullable(),
    }),
  ),
});

export type ForecastMonth = z.infer<typeof monthSchema>;
export type ScenarioForecast = z.infer<typeof scenarioForecastSchema>;
export type Forecast = z.infer<typeof forecastSchema>;
