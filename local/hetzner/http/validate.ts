/** Request bodies and queries against strict schemas; an unknown field or parameter is refused and counted. */
import type { Context } from "hono";
import { z } from "zod";
import type { Observer } from "../../shared/observe.ts";
import type { Labels } from "../records.ts";
import { ApiError, type FieldError, invalidFields } from "./errors.ts";

type Issue = z.core.$ZodIssue;

const dotted = (path: readonly PropertyKey[]): string => path.map(String).join(".");

const absent: readonly Issue["code"][] = ["invalid_type", "invalid_union", "invalid_value"];

function messageOf(issue: Issue, input: unknown): string {
  let value: unknown = input;
  for (const key of issue.path) value = (value as Record<PropertyKey, unknown> | null | undefined)?.[key];
  return value === undefined && absent.includes(issue.code) ? "Missing data for required field." : issue.message;
}

/** Groups issues by dotted field; unknown keys are fields of their own. */
export function fieldErrors(issues: readonly Issue[], input: unknown): { known: FieldError[]; unknown: FieldError[] } {
  const known = new Map<string, string[]>();
  const unknown: FieldError[] = [];
  for (const issue of issues) {
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys) unknown.push({ name: dotted([...issue.path, key]), messages: ["Unknown field."] });
    } else {
      const name = dotted(issue.path) || "body";
      known.set(name, [...(known.get(name) ?? []), messageOf(issue, input)]);
    }
  }
  return { known: [...known].map(([name, messages]) => ({ name, messages })), unknown };
}

async function readJson(context: Context): Promise<unknown> {
  const text = await context.req.text();
  if (text.trim() === "") return {};
  try {
    // Clients of actions without arguments may send `null`.
    return (JSON.parse(text) as unknown) ?? {};
  } catch {
    throw new ApiError(400, "json_error", "invalid JSON in request body");
  }
}

export async function readBody<T>(context: Context, observer: Observer, schema: z.ZodType<T>): Promise<T> {
  const input = await readJson(context);
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const { known, unknown } = fieldErrors(result.error.issues, input);
  for (const { name } of unknown) report(context, observer, "field", name);
  throw invalidFields([...known, ...unknown]);
}

/** All values per parameter; a parameter that is not in `allowed` is refused. */
export function readQuery(
  context: Context,
  observer: Observer,
  allowed: readonly string[],
): ReadonlyMap<string, readonly string[]> {
  const query = new Map(Object.entries(context.req.queries()));
  const unknown = [...query.keys()].filter((name) => !allowed.includes(name));
  for (const name of unknown) report(context, observer, "query", name);
  if (unknown.length > 0) {
    throw invalidFields(unknown.map((name) => ({ name, messages: ["Unknown query parameter."] })));
  }
  return query;
}

function report(context: Context, observer: Observer, kind: "field" | "query", field: string): void {
  observer.unknown({ api: "hetzner", kind, method: context.req.method, path: context.req.path, field });
}

export function pathId(context: Context, parameter = "id"): number {
  const text = context.req.param(parameter) ?? "";
  if (!/^\d{1,16}$/.test(text)) {
    throw invalidFields([{ name: parameter, messages: [`'${text}' is not an integer.`] }]);
  }
  return Number(text);
}

// Lengths and characters: the expressions hcloud-go checks labels with before it sends them (hcloud/labels.go).
const labelKey = /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,253}[a-z0-9A-Z])?\/)?[a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/;
const labelValue = /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?)?$/;

export const labelsSchema: z.ZodType<Labels> = z.record(z.string(), z.string()).superRefine((labels, context) => {
  for (const [key, value] of Object.entries(labels)) {
    const fault = !labelKey.test(key)
      ? "invalid key"
      : key.startsWith("hetzner.cloud/")
        ? "the prefix hetzner.cloud/ is reserved"
        : labelValue.test(value)
          ? undefined
          : `invalid value '${value}'`;
    if (fault !== undefined) context.addIssue({ code: "custom", path: [], message: `label '${key}': ${fault}` });
  }
});

export const nameSchema = z.string().min(1).max(128);
export const idSchema = z.int().positive();
/** Clients name types, images and the like by id or by name. */
export const idOrNameSchema = z.union([idSchema, z.string().min(1)]);
export const emptyBody = z.strictObject({});
export const updateSchema = z.strictObject({ name: nameSchema.nullish(), labels: labelsSchema.nullish() });
