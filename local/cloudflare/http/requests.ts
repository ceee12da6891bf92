/** Bodies, queries and ids of requests against strict schemas; what an endpoint does not know is refused and counted. */

import type { Context } from "hono";
import type { z } from "zod";
import type { Observer } from "../../shared/observe.ts";
import { badIdentifier, CloudflareError, refused } from "./errors.ts";

/** First value of each parameter. */
export type Query = ReadonlyMap<string, string>;

/** No source names the real codes of a malformed or unknown field; these are the emulator's own. */
const MALFORMED_JSON = 6007;
const INVALID_FIELD = 10_001;

const unknownFields = (issues: readonly z.core.$ZodIssue[]): readonly string[] =>
  issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" ? issue.keys.map((key) => [...issue.path, key].map(String).join(".")) : [],
  );

const messageOf = (issue: z.core.$ZodIssue): string => {
  const path = issue.path.map(String).join(".");
  return path === "" ? issue.message : `${path}: ${issue.message}`;
};

export const readJson = async (context: Context): Promise<unknown> => {
  const text = await context.req.text();
  if (text.trim() === "") {
    return {};
  }
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw refused(MALFORMED_JSON, "Malformed JSON in request body");
  }
};

/** Checks a body that was read already. */
export const parseBody = <T>(context: Context, observer: Observer, schema: z.ZodType<T>, body: unknown): T => {
  const parsed = schema.safeParse(body);
  if (parsed.success) {
    return parsed.data;
  }
  for (const field of unknownFields(parsed.error.issues)) {
    observer.unknown({ api: "cloudflare", kind: "field", method: context.req.method, path: context.req.path, field });
  }
  throw new CloudflareError(
    400,
    ...parsed.error.issues.map((issue) => ({ code: INVALID_FIELD, message: messageOf(issue) })),
  );
};

export const readBody = async <T>(context: Context, observer: Observer, schema: z.ZodType<T>): Promise<T> =>
  parseBody(context, observer, schema, await readJson(context));

const PAGING = ["page", "per_page", "order", "direction", "match"];

/** Paging parameters are always allowed. */
export const readQuery = (context: Context, observer: Observer, allowed: readonly string[] = []): Query => {
  const query = new Map(Object.entries(context.req.query()));
  const unknown = [...query.keys()].filter((name) => !allowed.includes(name) && !PAGING.includes(name));
  for (const field of unknown) {
    observer.unknown({ api: "cloudflare", kind: "query", method: context.req.method, path: context.req.path, field });
  }
  if (unknown.length > 0) {
    throw new CloudflareError(
      400,
      ...unknown.map((name) => ({ code: INVALID_FIELD, message: `unknown query parameter ${name}` })),
    );
  }
  return query;
};

/** An object id: 32 hexadecimal digits. */
export const pathId = (context: Context, parameter: string): string => {
  const id = context.req.param(parameter) ?? "";
  if (!/^[0-9a-f]{32}$/.test(id)) {
    throw badIdentifier(context.req.path);
  }
  return id;
};
