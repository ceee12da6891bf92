import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { costDiffSchema } from "./cost-diff.ts";
import { costOutputSchema } from "./cost-output.ts";
import { forecastSchema } from "./forecast.ts";

/** The published JSON Schemas of this folder by file name. `node cost/schema/publish.ts` writes them. */
export const publishedSchemas = (): Readonly<Record<string, object>> => ({
  "cost-output.schema.json": titled(costOutputSchema, "Cost of one stack"),
  "cost-diff.schema.json": titled(costDiffSchema, "What a change costs"),
  "forecast.schema.json": titled(forecastSchema, "What growth will need and cost"),
});

export const schemaPath = (name: string): string => join(import.meta.dirname, name);

function titled(schema: z.ZodType, title: string): object {
  const { $schema, ...rest } = z.toJSONSchema(schema);
  return { $schema, title, ...rest };
}

if (import.meta.main) {
  for (const [name, schema] of Object.entries(publishedSchemas())) {
    writeFileSync(schemaPath(name), `${JSON.stringify(schema, null, 2)}\n`);
  }
}
