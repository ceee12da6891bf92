import { z } from "zod";
import { platformKey } from "./pulumi-key.ts";
import { platformSchema } from "./schema.ts";

/** JSON Schema of a whole stack file, for completion in editors. Rules between fields are beyond it. */
export function stackFileSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...platform } = z.toJSONSchema(platformSchema, { io: "input", reused: "inline" });
  return {
    $schema,
    title: "A stack of ChitLaq's platform",
    type: "object",
    properties: {
      config: {
        type: "object",
        properties: { [platformKey]: { description: "The platform of this stack.", ...platform } },
        required: [platformKey],
      },
    },
    required: ["config"],
  };
}

/** Text of `stacks/platform.schema.json`. */
export function stackFileSchemaText(): string {
  return `${JSON.stringify(stackFileSchema(), null, 2)}\n`;
}
