/** The Cloudflare API v4 of the local cloud as a Hono app: `/client/v4` for clients, `/_local` for steering. */

import { type Context, Hono, type MiddlewareHandler } from "hono";
import { HTTPException } from "hono/http-exception";
import { bearerMatches } from "../shared/auth.ts";
import type { ApiApp, LocalContext } from "../shared/context.ts";
import { createControlApp } from "../shared/control.ts";
import { type ErrorEffect, observeRequests } from "../shared/requests.ts";
import { factRoutes } from "./account/facts.ts";
import { notificationRoutes } from "./account/notifications.ts";
import { r2Routes } from "./account/r2.ts";
import { type Cloud, openCloud } from "./cloud.ts";
import { healthcheckRoutes } from "./edge/healthchecks.ts";
import { loadBalancingRoutes } from "./edge/loadBalancing.ts";
import { answerError } from "./http/answers.ts";
import { CloudflareError, noRoute } from "./http/errors.ts";
import { dnsRecordRoutes } from "./zone/dnsRecords.ts";
import { originAuthority, originCaRoutes } from "./zone/originCa.ts";
import { originPullRoutes } from "./zone/originPulls.ts";
import { rulesetRoutes } from "./zone/rulesets.ts";
import { settingRoutes } from "./zone/settings.ts";
import { switchRoutes } from "./zone/switches.ts";
import { seedZone, zoneControl, zoneRoutes, type ZoneSeed } from "./zone/zones.ts";

export type CloudflareOptions = {
  readonly context: LocalContext;
  /** The API token every request must carry. */
  readonly token: string;
  /** Zones that exist from the start; more are made over `POST /_local/zones`. */
  readonly zones?: readonly ZoneSeed[];
  /** Called after every request that may have changed something. */
  readonly onChange?: () => void;
};

const PREFIX = "/client/v4";

const renderError = (context: Context, effect: ErrorEffect): Response => {
  if (effect.retryAfterSeconds !== undefined) {
    context.header("retry-after", String(effect.retryAfterSeconds));
  }
  const code = Number(effect.code);
  return answerError(
    context,
    new CloudflareError(effect.status, {
      code: Number.isInteger(code) ? code : 10_000,
      message: effect.message ?? effect.code,
    }),
  );
};

/** Answers to a missing and to a wrong token: CFD fundamentals/api/troubleshooting. */
const authenticated =
  (token: string): MiddlewareHandler =>
  async (context, next) => {
    const header = context.req.header("authorization");
    if (header === undefined) {
      const message = "Missing X-Auth-Key, X-Auth-Email or Authorization headers";
      return answerError(context, new CloudflareError(400, { code: 9106, message }));
    }
    if (!/^Bearer +\S+$/i.test(header)) {
      return answerError(context, new CloudflareError(400, { code: 6003, message: "Invalid request headers" }));
    }
    if (!bearerMatches(header, token)) {
      const verify = context.req.path.endsWith("/user/tokens/verify");
      return answerError(
        context,
        verify
          ? new CloudflareError(401, { code: 1000, message: "Invalid API Token" })
          : new CloudflareError(403, { code: 9109, message: "Invalid access token" }),
      );
    }
    return next();
  };

const apiRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const parts = [
    factRoutes,
    zoneRoutes,
    dnsRecordRoutes,
    settingRoutes,
    rulesetRoutes,
    switchRoutes,
    originPullRoutes,
    originCaRoutes,
    healthcheckRoutes,
    loadBalancingRoutes,
    r2Routes,
    notificationRoutes,
  ];
  for (const part of parts) {
    app.route("/", part(cloud));
  }
  return app;
};

const controlRoutes = (cloud: Cloud): Hono => {
  const app = zoneControl(cloud);
  app.get("/origin-ca", async (context) => context.json({ certificate: (await originAuthority(cloud)).certificate }));
  return app;
};

export const createCloudflareApp = ({ context: local, token, zones = [], onChange }: CloudflareOptions): ApiApp => {
  const cloud = openCloud(local);
  const seed = (): void => {
    for (const zone of zones) {
      seedZone(cloud, zone);
    }
  };
  const app = new Hono();
  app.onError((error, context) => {
    if (error instanceof CloudflareError) {
      return answerError(context, error);
    }
    if (error instanceof HTTPException) {
      return error.getResponse();
    }
    local.log(`cloudflare: ${context.req.method} ${context.req.path}: ${error.stack ?? error.message}`);
    return answerError(context, new CloudflareError(500, { code: 10_013, message: "internal error of the emulator" }));
  });
  app.notFound((context) => {
    const { method, path } = context.req;
    local.observer.unknown({ api: "cloudflare", kind: "route", method, path, field: "" });
    return answerError(context, noRoute());
  });
  app.use(async (context, next) => {
    await next();
    if (context.req.method !== "GET") onChange?.();
  });
  app.use(observeRequests(local, { api: "cloudflare", prefix: PREFIX, renderError }));
  app.route("/_local", createControlApp(local, token, controlRoutes(cloud)));
  app.use(authenticated(token));
  app.route(PREFIX, apiRoutes(cloud));

  seed();
  local.resetHooks.after.add(seed);
  return {
    app,
    close: () => {
      local.resetHooks.after.delete(seed);
      return Promise.resolve();
    },
  };
};
