/** Zone settings: what exists, what each accepts, and on which plan it can be changed. */

import { Hono } from "hono";
import type { Collection } from "../../shared/collection.ts";
import { type Cloud, zoneOf } from "../cloud.ts";
import { answer } from "../http/answers.ts";
import { CloudflareError, refused } from "../http/errors.ts";
import { readJson } from "../http/requests.ts";
import type { Json, JsonObject, PlanName, Setting, Zone } from "../records.ts";

type Definition = {
  readonly default: Json;
  readonly accepts: (value: Json) => boolean;
  /** Cheapest plan on which it can be changed. */
  readonly from?: PlanName;
};

const oneOf =
  (...values: readonly Json[]) =>
  (value: Json): boolean =>
    values.includes(value);
const onOff = oneOf("on", "off");
const isObject = (value: Json): boolean => typeof value === "object" && value !== null && !Array.isArray(value);

const on: Definition = { default: "on", accepts: onOff };
const off: Definition = { default: "off", accepts: onOff };

/** Durations the dashboard offers, in seconds; 0 respects the origin's headers. */
const BROWSER_TTLS = [
  0, 30, 60, 120, 300, 1200, 1800, 3600, 7200, 10_800, 14_400, 18_000, 28_800, 43_200, 57_600, 72_000, 86_400, 172_800,
  259_200, 345_600, 432_000, 691_200, 1_382_400, 2_073_600, 2_678_400, 5_356_800, 16_070_400, 31_536_000,
];

const CHALLENGE_TTLS = [
  300, 900, 1800, 2700, 3600, 7200, 10_800, 14_400, 28_800, 57_600, 86_400, 604_800, 2_592_000, 31_536_000,
];

/** Source: CFD `src/content/docs/api` zone settings and the table in the ZoneSetting resource of the provider. */
const SETTINGS: Readonly<Record<string, Definition>> = {
  "0rtt": off,
  always_online: off,
  always_use_https: off,
  automatic_https_rewrites: on,
  brotli: on,
  browser_cache_ttl: { default: 14_400, accepts: oneOf(...BROWSER_TTLS) },
  browser_check: on,
  cache_level: { default: "aggressive", accepts: oneOf("aggressive", "basic", "simplified") },
  challenge_ttl: { default: 1800, accepts: oneOf(...CHALLENGE_TTLS) },
  development_mode: off,
  early_hints: off,
  email_obfuscation: on,
  hotlink_protection: off,
  http2: { ...on, from: "pro" },
  http3: off,
  image_resizing: { default: "off", accepts: oneOf("on", "off", "open"), from: "business" },
  ip_geolocation: on,
  ipv6: on,
  max_upload: { default: 100, accepts: (value) => typeof value === "number" && value >= 100 && value <= 500 },
  min_tls_version: { default: "1.0", accepts: oneOf("1.0", "1.1", "1.2", "1.3") },
  mirage: { ...off, from: "pro" },
  opportunistic_encryption: on,
  opportunistic_onion: on,
  origin_error_page_pass_thru: { ...off, from: "business" },
  polish: { default: "off", accepts: oneOf("off", "lossless", "lossy"), from: "pro" },
  privacy_pass: on,
  pseudo_ipv4: { default: "off", accepts: oneOf("off", "add_header", "overwrite_header") },
  rocket_loader: off,
  security_header: {
    default: {
      strict_transport_security: {
        enabled: false,
        max_age: 0,
        include_subdomains: false,
        preload: false,
        nosniff: false,
      },
    },
    accepts: (value) => isObject(value) && Object.keys(value as JsonObject).join() === "strict_transport_security",
  },
  security_level: {
    default: "medium",
    accepts: oneOf("off", "essentially_off", "low", "medium", "high", "under_attack"),
  },
  server_side_exclude: on,
  sort_query_string_for_cache: { ...off, from: "business" },
  ssl: { default: "full", accepts: oneOf("off", "flexible", "full", "strict", "origin_pull") },
  ssl_recommender: { default: null, accepts: () => false },
  tls_1_2_only: off,
  tls_1_3: { default: "on", accepts: oneOf("on", "off", "zrt") },
  tls_client_auth: off,
  waf: { ...off, from: "pro" },
  webp: { ...off, from: "pro" },
  websockets: on,
};

const ORDER: readonly PlanName[] = ["free", "pro", "business"];
const includes = (plan: PlanName, needed: PlanName): boolean => ORDER.indexOf(plan) >= ORDER.indexOf(needed);

export const settingKey = (zone: Zone, name: string): string => `${zone.id}/${name}`;

/** What a setting is now, its default included. */
export const settingValue = (settings: Collection<Setting>, zone: Zone, name: string): Json =>
  settings.get(settingKey(zone, name))?.value ?? definitionOf(name).default;

const editable = (zone: Zone, definition: Definition): boolean => includes(zone.plan, definition.from ?? "free");

const view = (cloud: Cloud, zone: Zone, name: string, definition: Definition): JsonObject => {
  const stored = cloud.data.settings.get(settingKey(zone, name));
  const common = { id: name, editable: editable(zone, definition), modified_on: stored?.modifiedOn ?? null };
  return name === "ssl_recommender"
    ? { ...common, enabled: stored?.value ?? true }
    : { ...common, value: stored?.value ?? definition.default };
};

const definitionOf = (name: string): Definition => {
  const definition = SETTINGS[name];
  if (definition === undefined) {
    throw refused(1006, `Unrecognized zone setting name: ${name}`);
  }
  return definition;
};

/** The value a `PATCH` body carries; anything else in it is a fault. */
const patchedValue = (name: string, body: unknown): Json => {
  const member = name === "ssl_recommender" ? "enabled" : "value";
  const given = typeof body === "object" && body !== null ? (body as JsonObject) : {};
  const unknown = Object.keys(given).filter((key) => key !== member && key !== "id");
  if (unknown.length > 0 || given[member] === undefined) {
    // Also the answer to an empty body (pulumi/pulumi-cloudflare issue 1319).
    throw refused(1007, `Invalid value for zone setting ${name}`);
  }
  return given[member];
};

const change = (cloud: Cloud, zone: Zone, name: string, value: Json): JsonObject => {
  const definition = definitionOf(name);
  if (!editable(zone, definition)) {
    throw new CloudflareError(403, { code: 1015, message: `Not allowed to edit setting for ${name}` });
  }
  const valid = name === "ssl_recommender" ? typeof value === "boolean" : definition.accepts(value);
  if (!valid) {
    throw refused(1007, `Invalid value for zone setting ${name}`);
  }
  const setting: Setting = { id: settingKey(zone, name), value, modifiedOn: cloud.stamp() };
  cloud.data.settings.put(setting);
  return view(cloud, zone, name, definition);
};

export const settingRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.get("/zones/:zone/settings", (context) => {
    const zone = zoneOf(cloud, context);
    return answer(
      context,
      Object.entries(SETTINGS).map(([name, definition]) => view(cloud, zone, name, definition)),
    );
  });
  app.get("/zones/:zone/settings/:name", (context) => {
    const name = context.req.param("name");
    return answer(context, view(cloud, zoneOf(cloud, context), name, definitionOf(name)));
  });
  app.patch("/zones/:zone/settings/:name", async (context) => {
    const zone = zoneOf(cloud, context);
    const name = context.req.param("name");
    definitionOf(name);
    return answer(context, change(cloud, zone, name, patchedValue(name, await readJson(context))));
  });
  return app;
};
