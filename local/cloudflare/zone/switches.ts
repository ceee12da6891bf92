/** One-value features of a zone: tiered cache, Argo, authenticated origin pulls, bot management. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import { type Cloud, zoneOf } from "../cloud.ts";
import { answer } from "../http/answers.ts";
import { CloudflareError } from "../http/errors.ts";
import { readBody } from "../http/requests.ts";
import type { Json, JsonObject, PlanName, Zone } from "../records.ts";
import { settingKey } from "./settings.ts";

const onOffSchema = z.strictObject({ value: z.enum(["on", "off"]) });

const stored = (cloud: Cloud, zone: Zone, name: string): Json | undefined =>
  cloud.data.settings.get(settingKey(zone, name))?.value;

const store = (cloud: Cloud, zone: Zone, name: string, value: Json): void => {
  cloud.data.settings.put({ id: settingKey(zone, name), value, modifiedOn: cloud.stamp() });
};

const view = (cloud: Cloud, zone: Zone, name: string): JsonObject => {
  const setting = cloud.data.settings.get(settingKey(zone, name));
  return { id: name, value: setting?.value ?? "off", editable: true, modified_on: setting?.modifiedOn ?? null };
};

const change = async (cloud: Cloud, context: Context, name: string): Promise<Response> => {
  const zone = zoneOf(cloud, context);
  const { value } = await readBody(context, cloud.local.observer, onOffSchema);
  store(cloud, zone, name, value);
  return answer(context, view(cloud, zone, name));
};

const SMART_TIERED = "tiered_cache_smart_topology_enable";

const cacheRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const smart = `/zones/:zone/cache/${SMART_TIERED}`;
  app.get(smart, (context) => answer(context, view(cloud, zoneOf(cloud, context), SMART_TIERED)));
  app.post(smart, (context) => change(cloud, context, SMART_TIERED));
  app.patch(smart, (context) => change(cloud, context, SMART_TIERED));
  app.delete(smart, (context) => {
    const zone = zoneOf(cloud, context);
    cloud.data.settings.delete(settingKey(zone, SMART_TIERED));
    return answer(context, { id: SMART_TIERED, editable: true, modified_on: cloud.stamp() });
  });
  for (const name of ["tiered_caching", "smart_routing"]) {
    const path = `/zones/:zone/argo/${name}`;
    app.get(path, (context) => answer(context, view(cloud, zoneOf(cloud, context), name)));
    app.patch(path, (context) => change(cloud, context, name));
  }
  return app;
};

export const ORIGIN_PULLS = "origin_tls_client_auth";

const originPullSettings = (cloud: Cloud): Hono => {
  const app = new Hono();
  const path = `/zones/:zone/${ORIGIN_PULLS}/settings`;
  const shown = (zone: Zone): JsonObject => ({ enabled: stored(cloud, zone, ORIGIN_PULLS) ?? false });
  app.get(path, (context) => answer(context, shown(zoneOf(cloud, context))));
  app.put(path, async (context) => {
    const zone = zoneOf(cloud, context);
    const { enabled } = await readBody(context, cloud.local.observer, z.strictObject({ enabled: z.boolean() }));
    store(cloud, zone, ORIGIN_PULLS, enabled);
    return answer(context, shown(zone));
  });
  return app;
};

const BOT_FIELDS = {
  fight_mode: z.boolean().optional(),
  enable_js: z.boolean().optional(),
  optimize_wordpress: z.boolean().optional(),
  ai_bots_protection: z.enum(["block", "disabled", "only_on_ad_pages"]).optional(),
  crawler_protection: z.enum(["enabled", "disabled"]).optional(),
  is_robots_txt_managed: z.boolean().optional(),
  cf_robots_variant: z.enum(["off", "policy_only"]).optional(),
  sbfm_definitely_automated: z.enum(["allow", "block", "managed_challenge"]).optional(),
  sbfm_likely_automated: z.enum(["allow", "block", "managed_challenge"]).optional(),
  sbfm_verified_bots: z.enum(["allow", "block"]).optional(),
  sbfm_static_resource_protection: z.boolean().optional(),
} as const;

const botSchema = z.strictObject(BOT_FIELDS);

const botDefaults = (plan: PlanName): JsonObject => ({
  enable_js: false,
  ai_bots_protection: "disabled",
  crawler_protection: "disabled",
  is_robots_txt_managed: false,
  using_latest_model: true,
  ...(plan === "free"
    ? { fight_mode: false }
    : {
        sbfm_definitely_automated: "allow",
        sbfm_verified_bots: "allow",
        sbfm_static_resource_protection: false,
        optimize_wordpress: false,
      }),
  ...(plan === "business" ? { sbfm_likely_automated: "allow" } : {}),
});

/** Fields that belong to another plan: bot fight mode is Free's, super bot fight mode begins with Pro. */
const foreignFields = (plan: PlanName, body: JsonObject): readonly string[] =>
  Object.keys(body).filter((field) =>
    plan === "free"
      ? field.startsWith("sbfm_") || field === "optimize_wordpress"
      : field === "fight_mode" || (plan === "pro" && field === "sbfm_likely_automated"),
  );

const botRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const path = "/zones/:zone/bot_management";
  const shown = (zone: Zone): JsonObject => ({
    ...botDefaults(zone.plan),
    ...((stored(cloud, zone, "bot_management") ?? {}) as JsonObject),
  });
  app.get(path, (context) => answer(context, shown(zoneOf(cloud, context))));
  app.put(path, async (context) => {
    const zone = zoneOf(cloud, context);
    const body = (await readBody(context, cloud.local.observer, botSchema)) as JsonObject;
    const foreign = foreignFields(zone.plan, body);
    if (foreign.length > 0) {
      // The number is the emulator's own; the API names the field and the missing subscription.
      throw new CloudflareError(
        400,
        ...foreign.map((field) => ({
          code: 10_006,
          message: `${field} is not available for zones on the ${zone.plan} plan`,
        })),
      );
    }
    store(cloud, zone, "bot_management", { ...((stored(cloud, zone, "bot_management") ?? {}) as JsonObject), ...body });
    return answer(context, shown(zone));
  });
  return app;
};

export const switchRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.route("/", cacheRoutes(cloud));
  app.route("/", originPullSettings(cloud));
  app.route("/", botRoutes(cloud));
  return app;
};
