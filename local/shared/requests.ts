/** First middleware of every API: request log and request faults. */
import type { HttpBindings } from "@hono/node-server";
import type { Context, MiddlewareHandler } from "hono";
import type { LocalContext } from "./context.ts";
import type { ApiName, RequestEffect, RequestFault } from "./faults.ts";

export type ErrorEffect = Extract<RequestEffect, { type: "error" }>;

export type RequestOptions = {
  readonly api: ApiName;
  /** `/v1` or `/client/v4`: fault paths are written without it. */
  readonly prefix: string;
  /** Writes an error effect in the API's own error body. */
  readonly renderError: (context: Context, effect: ErrorEffect) => Response;
};

const wait = (milliseconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Cuts the TCP connection. In process there is none, so the caller gets an answer no API gives. */
function dropConnection(context: Context): Response {
  const bindings = context.env as Partial<HttpBindings> | undefined;
  bindings?.incoming?.socket?.destroy();
  return new Response(null, { status: 599, statusText: "connection dropped" });
}

async function carryOut(
  local: LocalContext,
  options: RequestOptions,
  context: Context,
  faults: readonly RequestFault[],
): Promise<Response | undefined> {
  for (const { id, effect } of faults) {
    if (effect.type === "slow") await wait(effect.milliseconds);
    else if (effect.type === "hang") await local.faults.gone(id);
    else if (effect.type === "drop") return dropConnection(context);
    else return options.renderError(context, effect);
  }
  return undefined;
}

export function observeRequests(local: LocalContext, options: RequestOptions): MiddlewareHandler {
  return async (context, next) => {
    const { method, path } = context.req;
    if (path.startsWith("/_local")) return next();
    const started = performance.now();
    const below = path.startsWith(options.prefix) ? path.slice(options.prefix.length) || "/" : path;
    const faults = local.faults.strikeRequest({ api: options.api, method, path: below });
    const early = await carryOut(
      local,
      options,
      context,
      faults.filter((fault) => fault.when === "before"),
    );
    if (early === undefined) await next();
    const late = await carryOut(
      local,
      options,
      context,
      faults.filter((fault) => fault.when === "after"),
    );
    const replaced = late ?? early;
    if (replaced !== undefined) context.res = replaced;
    local.observer.request({
      at: local.clock.stamp(),
      api: options.api,
      method,
      path: `${path}${new URL(context.req.url).search}`,
      status: context.res.status,
      milliseconds: Math.round((performance.now() - started) * 10) / 10,
    });
    return undefined;
  };
}
