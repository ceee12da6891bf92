import { z } from "zod";
import { CommandError } from "../commands/io.ts";

/** What `pulumi preview --json` of this program prints, as far as its cost depends on it. */

/** Operations on one resource; a replacement is `replace`, with its two halves before and after it in some versions. */
const stepSchema = z.object({
  op: z.string(),
  urn: z.string(),
  oldState: z
    .object({ inputs: z.record(z.string(), z.unknown()).optional(), outputs: z.unknown() })
    .partial()
    .optional(),
  newState: z
    .object({ inputs: z.record(z.string(), z.unknown()).optional(), parent: z.string().optional() })
    .partial()
    .optional(),
});

const documentSchema = z.object({
  config: z.record(z.string(), z.unknown()).default({}),
  steps: z.array(stepSchema),
  diagnostics: z
    .array(z.object({ severity: z.string(), message: z.string() }))
    .nullish()
    .transform((diagnostics) => diagnostics ?? []),
});

export type PreviewStep = z.infer<typeof stepSchema>;

export type PreviewDocument = {
  readonly stack: string;
  /** Raw `chitlaq:platform` of the new program. */
  readonly platform: unknown;
  readonly steps: readonly PreviewStep[];
  /** The stack's outputs as they were deployed; null for a stack that does not exist yet. */
  readonly deployed: Readonly<Record<string, unknown>> | null;
};

const platformKey = "chitlaq:platform";

/** `urn:pulumi:<stack>::<project>::<types>::<name>` */
export type Urn = { readonly stack: string; readonly type: string; readonly name: string };

export function parseUrn(urn: string): Urn {
  const [head = "", , types = "", ...name] = urn.split("::");
  return { stack: head.split(":").at(-1) ?? "", type: types.split("$").at(-1) ?? "", name: name.join("::") };
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parseJson(text: string, label: string): unknown {
  const start = text.indexOf("{");
  try {
    return JSON.parse(start === -1 ? text : text.slice(start));
  } catch {
    throw new CommandError(`${label}: is not JSON; write it with pulumi preview --json > FILE`);
  }
}

/** Config values are JSON in a string. */
function platformOf(config: Readonly<Record<string, unknown>>, label: string): unknown {
  const value = config[platformKey];
  if (value === undefined) {
    throw new CommandError(`${label}: has no ${platformKey} in its config; it is not a preview of this program`);
  }
  return typeof value === "string" ? parseJson(value, `${label}, ${platformKey}`) : value;
}

/**
 * Reads a preview.
 *
 * @param label how the input is called in messages.
 * @throws CommandError when it is no preview of this program, or one that did not reach its end.
 */
export function readPreview(text: string, label: string): PreviewDocument {
  const result = documentSchema.safeParse(parseJson(text, label));
  if (!result.success) throw new CommandError(`${label}: is not a preview:\n${z.prettifyError(result.error)}`);
  const { config, steps, diagnostics } = result.data;
  const errors = diagnostics.filter(({ severity }) => severity === "error");
  if (errors.length > 0) {
    const said = errors.map(({ message }) => `  - ${message.trim()}`).join("\n");
    throw new CommandError(`${label}: the preview ended with errors, so what it would cost is not known:\n${said}`);
  }
  const root = steps.find((step) => parseUrn(step.urn).type === "pulumi:pulumi:Stack");
  if (root === undefined) throw new CommandError(`${label}: has no stack in it; it is not a whole preview`);
  const outputs = root.oldState?.outputs;
  return {
    stack: parseUrn(root.urn).stack,
    platform: platformOf(config, label),
    steps,
    deployed: isObject(outputs) ? outputs : null,
  };
}
