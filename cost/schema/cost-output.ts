import { z } from "zod";

/**
 * The cost of one stack as JSON: stack output `cost` and `cost --json`. Published as `cost-output.schema.json`.
 *
 * A field may be added under the same version; one that changes its meaning or goes away raises it.
 */

const decimal = z.string().regex(/^-?\d+(\.\d+)?$/);

const day = z.iso.date();

export const moneySchema = z
  .strictObject({ eur: decimal, usd: decimal })
  .describe("One amount in both currencies, as decimal strings.");

const amounts = {
  monthlyNet: moneySchema.describe("Per month without VAT, to 1/100 cent."),
  monthlyGross: moneySchema.describe("Per month with VAT."),
  hourlyNet: moneySchema.describe(
    "Per hour without VAT while the monthly cap is not reached (624 hours); 1/730 of what is sold by the month.",
  ),
  hourlyGross: moneySchema.describe("Per hour with VAT."),
};

export const amountsSchema = z.strictObject(amounts);

export const lineSchema = z.strictObject({
  id: z.string().describe("Stable identity: `server:db-1`."),
  component: z.string(),
  name: z.string(),
  description: z.string(),
  resourceType: z.string().nullable().describe("Pulumi type token; null for what no engine resource stands for."),
  resourceName: z.string().nullable(),
  external: z.boolean().describe("True where no engine resource stands for the cost."),
  machine: z.string().nullable(),
  quantity: decimal,
  unit: z.enum(["month", "GB-month", "TB", "TB-hour", "GB", "million", "percent"]),
  orderedAt: day.nullable(),
  price: z.strictObject({
    item: z.string(),
    location: z.string().nullable(),
    currency: z.enum(["EUR", "USD"]),
    net: decimal.describe("Of one unit."),
    hourlyNet: decimal.nullable().describe("Of one hour, for what is billed by the hour."),
    capHours: z.int().nullable().describe("Hours after which the monthly price is reached."),
    validFrom: day.nullable().describe("First day of this price; null: as long as the price book goes back."),
    locked: z.boolean().describe("An order today would pay another price."),
    newOrderNet: decimal.nullable().describe("What an order today would pay; null when it cannot be ordered."),
    newOrderHourlyNet: decimal.nullable(),
    source: z.string(),
    read: day.describe("Day the source was read."),
  }),
  ...amounts,
});

export const costOutputSchema = z.strictObject({
  version: z.literal(1),
  stack: z.string(),
  phase: z.union([z.literal(1), z.literal(2), z.literal(3)]),
  location: z.string(),
  prices: z.strictObject({ at: day.describe("Day whose prices count."), bookDate: day }),
  exchangeRate: z.strictObject({
    usdPerEur: decimal,
    date: day.nullable().describe("Null for a rate that was given by hand."),
    source: z.string(),
  }),
  vatPercent: z.number(),
  total: amountsSchema,
  components: z.array(z.strictObject({ component: z.string(), ...amounts })),
  lines: z.array(lineSchema),
  traffic: z.strictObject({
    expectedUsers: z.int(),
    originEgressGB: z.number().describe("10^9 bytes a month at the origin."),
    doors: z.array(z.string()).describe("Machines it leaves through."),
    expectedTB: decimal.describe("TB of 2^40 bytes."),
    includedTB: decimal,
    overageTB: decimal,
  }),
  storage: z
    .strictObject({ keptTB: decimal.describe("TB of 10^12 bytes."), includedTB: decimal, overageTB: decimal })
    .describe("Backups and images in Object Storage."),
  budget: z.strictObject({
    usd: decimal.describe("Budget per month, compared with the net total."),
    planUsd: z
      .strictObject({ from: z.number(), to: z.number().nullable() })
      .describe("The capacity plan's own figure for the phase."),
    usedPercent: decimal,
    over: z.boolean(),
  }),
  perUser: z.array(
    z.strictObject({
      users: z.int(),
      basis: z.enum(["expected users", "plan's figure", "start of the phase", "end of the phase"]),
      monthlyNet: moneySchema.describe("The stack's net cost at that number of users."),
      perUser: moneySchema,
      targetUsd: z.strictObject({ from: z.number(), to: z.number() }),
      meetsTarget: z.boolean(),
    }),
  ),
  notes: z.array(z.string()),
});

export type CostLine = z.infer<typeof lineSchema>;
export type CostOutput = z.infer<typeof costOutputSchema>;
