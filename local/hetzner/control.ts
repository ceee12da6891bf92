/** The part of `/_local` that only Hetzner has: action delays, limits, rate limit, offers, power, billing. */
import { Hono } from "hono";
import { z } from "zod";
import { ControlError, controlBody } from "../shared/control.ts";
import type { RateLimit } from "../shared/rateLimit.ts";
import type { Cloud } from "./engine/cloud.ts";
import { delaysInput, limitsInput, offerInput } from "./engine/settings.ts";

const rateLimitInput = z.strictObject({ size: z.int().min(0), perSecond: z.number().positive().default(1) });
const powerInput = z.strictObject({ state: z.enum(["running", "off"]) });

export function hetznerControl(cloud: Cloud, rateLimit: RateLimit): Hono {
  const app = new Hono();
  const { settings } = cloud;
  app.get("/delays", (context) => context.json(settings.delays()));
  app.put("/delays", async (context) => context.json(settings.setDelays(await controlBody(context.req, delaysInput))));
  app.get("/limits", (context) => context.json(settings.limits()));
  app.put("/limits", async (context) => {
    const change = await controlBody(context.req, limitsInput);
    return context.json(settings.setLimits(change));
  });
  app.get("/rate-limit", (context) => context.json(rateLimit.setting()));
  app.put("/rate-limit", async (context) => {
    const { size, perSecond } = await controlBody(context.req, rateLimitInput);
    rateLimit.configure(size, perSecond);
    return context.json(rateLimit.setting());
  });
  app.get("/billing", (context) => context.json(cloud.billing.report()));

  const knownOffer = (serverType: string, location: string): readonly [string, string] => {
    try {
      return [cloud.catalogue.serverType(serverType).name, cloud.catalogue.location(location).name];
    } catch {
      throw new ControlError(`no server type '${serverType}' or no location '${location}'`);
    }
  };
  app.put("/offers/:type/:location", async (context) => {
    const [type, location] = knownOffer(context.req.param("type"), context.req.param("location"));
    settings.setOffer(type, location, await controlBody(context.req, offerInput));
    return context.body(null, 204);
  });
  app.delete("/offers/:type/:location", (context) => {
    const [type, location] = knownOffer(context.req.param("type"), context.req.param("location"));
    settings.setOffer(type, location, undefined);
    return context.body(null, 204);
  });

  // A machine that switched itself off, or back on, without the API: what the driver reports for real machines.
  app.put("/servers/:id/power", async (context) => {
    const { state } = await controlBody(context.req, powerInput);
    const id = Number(context.req.param("id"));
    if (cloud.servers.get(id) === undefined) throw new ControlError(`no server ${id}`);
    cloud.powerChanged(id, state);
    return context.body(null, 204);
  });
  return app;
}
