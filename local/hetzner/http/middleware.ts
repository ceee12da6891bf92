/** Rate limit, token and error answers, in the order the API applies them: unauthenticated calls use the bucket too. */
import { randomBytes } from "node:crypto";
import type { Context, ErrorHandler, MiddlewareHandler, NotFoundHandler } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { bearerMatches } from "../../shared/auth.ts";
import type { LocalContext } from "../../shared/context.ts";
import type { RateLimit } from "../../shared/rateLimit.ts";
import type { ErrorEffect } from "../../shared/requests.ts";
import { ApiError } from "./errors.ts";

export function answer(context: Context, error: ApiError): Response {
  return context.json(error.body(), error.status as ContentfulStatusCode);
}

export function renderFault(context: Context, effect: ErrorEffect): Response {
  if (effect.retryAfterSeconds !== undefined) context.header("Retry-After", String(effect.retryAfterSeconds));
  return answer(context, new ApiError(effect.status, effect.code, effect.message ?? `injected ${effect.code}`));
}

export function rateLimited(limit: RateLimit): MiddlewareHandler {
  return async (context, next) => {
    const state = limit.take();
    context.header("X-Correlation-Id", randomBytes(8).toString("hex"));
    context.header("RateLimit-Limit", String(state.limit));
    context.header("RateLimit-Remaining", String(state.remaining));
    context.header("RateLimit-Reset", String(state.resetAt));
    if (state.allowed) return next();
    const message = `limit of ${state.limit} requests per hour reached`;
    return answer(context, new ApiError(429, "rate_limit_exceeded", message));
  };
}

export function authenticated(token: string): MiddlewareHandler {
  return async (context, next) => {
    if (bearerMatches(context.req.header("authorization"), token)) return next();
    return answer(context, new ApiError(401, "unauthorized", "unable to authenticate"));
  };
}

export function errorHandler(local: LocalContext): ErrorHandler {
  return (error, context) => {
    if (error instanceof ApiError) return answer(context, error);
    local.log(`${context.req.method} ${context.req.path}: ${error.stack ?? error.message}`);
    return answer(context, new ApiError(500, "server_error", `local cloud failed: ${error.message}`));
  };
}

export function unknownRoute(local: LocalContext): NotFoundHandler {
  return (context) => {
    const { method, path } = context.req;
    local.observer.unknown({ api: "hetzner", kind: "route", method, path, field: "" });
    return answer(context, new ApiError(404, "not_found", `the local cloud has no route ${method} ${path}`));
  };
}
