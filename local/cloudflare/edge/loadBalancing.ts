/** Load balancers of a zone, pools and monitors of an account. The add-on counts as bought. */

import { Hono } from "hono";
import { z } from "zod";
import { accountOf, type Cloud, zoneOf } from "../cloud.ts";
import { crudRoutes } from "../http/crud.ts";
import { type CloudflareError, refused } from "../http/errors.ts";
import type { JsonObject, Owned } from "../records.ts";

const monitorFields = {
  type: z.enum(["http", "https", "tcp", "udp_icmp", "icmp_ping", "smtp"]).optional(),
  description: z.string().optional(),
  method: z.string().optional(),
  path: z.string().optional(),
  port: z.int().min(0).max(65_535).optional(),
  // Shortest interval below Enterprise: CFD load-balancing/reference/limitations.
  interval: z.int().min(15).max(3600).optional(),
  timeout: z.int().min(1).max(10).optional(),
  retries: z.int().min(0).max(5).optional(),
  consecutive_up: z.int().min(0).optional(),
  consecutive_down: z.int().min(0).optional(),
  expected_codes: z.string().optional(),
  expected_body: z.string().optional(),
  follow_redirects: z.boolean().optional(),
  allow_insecure: z.boolean().optional(),
  probe_zone: z.string().optional(),
  header: z.record(z.string(), z.array(z.string())).optional(),
};

const pairs = z.strictObject({ disable: z.boolean().optional(), healthy: z.boolean().nullish() }).nullish();

const poolFields = {
  name: z.string().regex(/^[\w-]+$/, "letters, digits, - and _ only"),
  description: z.string().optional(),
  enabled: z.boolean().optional(),
  minimum_origins: z.int().min(0).optional(),
  monitor: z.string().nullish(),
  monitor_group: z.string().nullish(),
  notification_email: z.string().optional(),
  check_regions: z.array(z.string()).nullish(),
  health_sources: z.array(z.string()).nullish(),
  latitude: z.number().nullish(),
  longitude: z.number().nullish(),
  load_shedding: z
    .strictObject({
      default_percent: z.number().optional(),
      default_policy: z.string().optional(),
      session_percent: z.number().optional(),
      session_policy: z.string().optional(),
    })
    .nullish(),
  notification_filter: z.strictObject({ origin: pairs, pool: pairs }).nullish(),
  origin_steering: z.strictObject({ policy: z.string().optional() }).nullish(),
  origins: z
    .array(
      z.strictObject({
        name: z.string().min(1),
        address: z.string().min(1),
        enabled: z.boolean().optional(),
        weight: z.number().min(0).max(1).optional(),
        port: z.int().min(0).max(65_535).optional(),
        header: z.strictObject({ Host: z.array(z.string()) }).nullish(),
        virtual_network_id: z.string().nullish(),
        flatten_cname: z.boolean().optional(),
      }),
    )
    .min(1),
};

const poolList = z.array(z.string()).min(1);
const poolMap = z.record(z.string(), poolList).optional();

const balancerFields = {
  name: z.string().min(1),
  description: z.string().optional(),
  default_pools: poolList,
  fallback_pool: z.string(),
  enabled: z.boolean().optional(),
  proxied: z.boolean().optional(),
  ttl: z.number().optional(),
  steering_policy: z.string().optional(),
  session_affinity: z.string().optional(),
  session_affinity_ttl: z.number().optional(),
  session_affinity_attributes: z.record(z.string(), z.json()).optional(),
  adaptive_routing: z.strictObject({ failover_across_pools: z.boolean().optional() }).optional(),
  location_strategy: z.strictObject({ mode: z.string().optional(), prefer_ecs: z.string().optional() }).optional(),
  random_steering: z
    .strictObject({ default_weight: z.number().optional(), pool_weights: z.record(z.string(), z.number()).optional() })
    .optional(),
  region_pools: poolMap,
  country_pools: poolMap,
  pop_pools: poolMap,
  networks: z.array(z.string()).optional(),
  rules: z.array(z.record(z.string(), z.json())).optional(),
};

/** CFD load-balancing/reference/limitations, plans below Enterprise. */
const MOST = { pools: 20, balancers: 20 } as const;

type Origin = JsonObject & { readonly name: string };

const sortedOrigins = (body: JsonObject): JsonObject => ({
  ...body,
  // The API keeps origins by name, whatever the order of the request (provider issue 6140).
  origins: ((body.origins ?? []) as readonly Origin[])
    .map((origin): Origin => ({ enabled: true, weight: 1, ...origin }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
});

const poolIds = (body: JsonObject): readonly string[] => {
  const maps = [body.region_pools, body.country_pools, body.pop_pools].flatMap((map) =>
    Object.values((map ?? {}) as Readonly<Record<string, readonly string[]>>).flat(),
  );
  return [...((body.default_pools ?? []) as readonly string[]), String(body.fallback_pool), ...maps];
};

const monitors = (cloud: Cloud): Hono =>
  crudRoutes(cloud, {
    path: "/accounts/:account/load_balancers/monitors",
    collection: cloud.data.monitors,
    ownerOf: (context) => accountOf(cloud, context).id,
    schema: z.strictObject(monitorFields),
    patchSchema: z.strictObject(monitorFields).partial(),
    defaults: (body) => ({
      type: "http",
      description: "",
      method: body.type === "tcp" ? "connection_established" : "GET",
      path: "/",
      port: 0,
      interval: 60,
      timeout: 5,
      retries: 2,
      consecutive_up: 0,
      consecutive_down: 0,
      expected_codes: "",
      expected_body: "",
      follow_redirects: false,
      allow_insecure: false,
      probe_zone: "",
      header: {},
    }),
    held: ({ id }) =>
      cloud.data.pools.all().some(({ body }) => body.monitor === id)
        ? refused(1005, "monitor is in use by a pool and cannot be deleted")
        : undefined,
    notFound: { code: 1001, message: "monitor not found" },
  });

const pools = (cloud: Cloud): Hono => {
  const check = (body: JsonObject, self: Owned | undefined): CloudflareError | undefined => {
    if (self === undefined && cloud.data.pools.size >= MOST.pools) {
      return refused(1002, `quota exceeded: ${MOST.pools} pools`);
    }
    return body.monitor && cloud.data.monitors.get(String(body.monitor)) === undefined
      ? refused(1001, "monitor: unable to find a monitor with this id")
      : undefined;
  };
  return crudRoutes(cloud, {
    path: "/accounts/:account/load_balancers/pools",
    collection: cloud.data.pools,
    ownerOf: (context) => accountOf(cloud, context).id,
    schema: z
      .strictObject(poolFields)
      .transform((body) => sortedOrigins(JSON.parse(JSON.stringify(body)) as JsonObject)),
    patchSchema: z.strictObject(poolFields).partial(),
    defaults: () => ({
      description: "",
      enabled: true,
      minimum_origins: 1,
      monitor: null,
      notification_email: "",
      check_regions: null,
      origin_steering: { policy: "random" },
      networks: ["cloudflare"],
    }),
    check,
    held: ({ id }) =>
      cloud.data.loadBalancers.all().some(({ body }) => poolIds(body).includes(id))
        ? refused(1005, "pool is in use by a load balancer and cannot be deleted")
        : undefined,
    notFound: { code: 1001, message: "pool not found" },
    filters: ["monitor"],
  });
};

const balancers = (cloud: Cloud): Hono => {
  const check = (body: JsonObject, self: Owned | undefined, zoneId: string): CloudflareError | undefined => {
    const unknown = poolIds(body).filter((id) => cloud.data.pools.get(id) === undefined);
    if (unknown.length > 0) {
      return refused(1002, `default_pools: unable to find pool ${unknown.join(", ")}`);
    }
    const others = cloud.data.loadBalancers.where("owner", zoneId).filter(({ id }) => id !== self?.id);
    if (others.some(({ body: other }) => other.name === body.name)) {
      return refused(1002, `name: a load balancer named ${String(body.name)} exists in this zone`);
    }
    return self === undefined && others.length >= MOST.balancers
      ? refused(1002, `quota exceeded: ${MOST.balancers} load balancers`)
      : undefined;
  };
  return crudRoutes(cloud, {
    path: "/zones/:zone/load_balancers",
    collection: cloud.data.loadBalancers,
    ownerOf: (context) => zoneOf(cloud, context).id,
    schema: z.strictObject(balancerFields),
    patchSchema: z.strictObject(balancerFields).partial(),
    defaults: (body, context) => ({
      description: "",
      enabled: true,
      proxied: false,
      ...(body.proxied === true ? {} : { ttl: 30 }),
      steering_policy: "",
      session_affinity: "none",
      session_affinity_attributes: {
        samesite: "Auto",
        secure: "Auto",
        drain_duration: 0,
        zero_downtime_failover: "none",
      },
      adaptive_routing: { failover_across_pools: false },
      location_strategy: { mode: "pop", prefer_ecs: "proximity" },
      random_steering: { default_weight: 1 },
      region_pools: {},
      country_pools: {},
      pop_pools: {},
      networks: ["cloudflare"],
      rules: [],
      zone_name: zoneOf(cloud, context).name,
    }),
    check: (body, self, context) => check(body, self, zoneOf(cloud, context).id),
    notFound: { code: 1001, message: "load balancer not found" },
  });
};

export const loadBalancingRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.route("/", monitors(cloud));
  app.route("/", pools(cloud));
  app.route("/", balancers(cloud));
  return app;
};
