/** The envelope every answer comes in, and paging. */

import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import type { CloudflareError } from "./errors.ts";
import type { Query } from "./requests.ts";

const envelope = (result: unknown) => ({ success: true, errors: [], messages: [], result });

export const answer = (context: Context, result: unknown, status: ContentfulStatusCode = 200): Response =>
  context.json(envelope(result), status);

/** One page of a list. `defaultSize` and `largest` are those of the endpoint. */
export const answerList = (
  context: Context,
  query: Query,
  items: readonly unknown[],
  size: { readonly defaultSize: number; readonly largest: number } = { defaultSize: 100, largest: 5000 },
): Response => {
  const page = Math.max(1, Number(query.get("page") ?? "1"));
  const perPage = Math.min(size.largest, Math.max(1, Number(query.get("per_page") ?? String(size.defaultSize))));
  const shown = items.slice((page - 1) * perPage, page * perPage);
  return context.json({
    ...envelope(shown),
    result_info: {
      page,
      per_page: perPage,
      count: shown.length,
      total_count: items.length,
      total_pages: Math.max(1, Math.ceil(items.length / perPage)),
    },
  });
};

export const answerError = (context: Context, error: CloudflareError): Response =>
  context.json(
    { success: false, errors: error.items, messages: [], result: null },
    error.status as ContentfulStatusCode,
  );
