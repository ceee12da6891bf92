/** Load balancers, their pools and monitors. */

import { anything, fields, flag, list, number, object, type PropertySpec, STRING, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import { type CloudflareResource, objectResource, part } from "../resource.ts";

const accountId: PropertySpec = text("required", { replace: true });
const account = (properties: Properties): string => `/accounts/${part(properties, "accountId")}`;
const stamps = { createdOn: text("computed"), modifiedOn: text("computed") };

export const loadBalancerMonitor: CloudflareResource = objectResource({
  token: "cloudflare:index/loadBalancerMonitor:LoadBalancerMonitor",
  path: (properties) => `${account(properties)}/load_balancers/monitors`,
  owners: ["accountId"],
  names: { header: { dictionary: {} } },
  properties: {
    accountId,
    type: text("optional", { default: "http" }),
    description: text("optional", { default: "" }),
    method: text("optionalComputed"),
    path: text("optionalComputed"),
    port: number("optionalComputed"),
    interval: number("optional", { default: 60 }),
    timeout: number("optional", { default: 5 }),
    retries: number("optional", { default: 2 }),
    consecutiveUp: number("optional", { default: 0 }),
    consecutiveDown: number("optional", { default: 0 }),
    expectedCodes: text("optionalComputed"),
    expectedBody: text("optionalComputed"),
    followRedirects: flag("optional", { default: false }),
    allowInsecure: flag("optional", { default: false }),
    probeZone: text("optionalComputed"),
    header: { presence: "optionalComputed", shape: { kind: "map", element: { kind: "list", element: STRING } } },
    ...stamps,
  },
});

const ORIGIN = fields({
  name: text("optional"),
  address: text("optional"),
  enabled: flag("optional", { default: true }),
  weight: number("optional", { default: 1 }),
  port: number("optionalComputed"),
  header: object("optional", { hosts: list("optional", STRING) }),
  virtualNetworkId: text("optional"),
  flattenCname: flag("optionalComputed"),
  disabledAt: text("computed"),
});

export const loadBalancerPool: CloudflareResource = objectResource({
  token: "cloudflare:index/loadBalancerPool:LoadBalancerPool",
  path: (properties) => `${account(properties)}/load_balancers/pools`,
  owners: ["accountId"],
  names: { origins: { inner: { header: { inner: { hosts: { to: "Host" } } } } } },
  properties: {
    accountId,
    name: text("required"),
    description: text("optional", { default: "" }),
    enabled: flag("optional", { default: true }),
    minimumOrigins: number("optional", { default: 1 }),
    monitor: text("optional"),
    monitorGroup: text("optional"),
    notificationEmail: text("optional", { default: "" }),
    checkRegions: list("optionalComputed", STRING),
    healthSources: list("optionalComputed", STRING),
    latitude: number("optional"),
    longitude: number("optional"),
    loadShedding: anything("optionalComputed"),
    notificationFilter: anything("optionalComputed"),
    originSteering: object("optionalComputed", { policy: text("optionalComputed") }),
    // In the order of the program: the API answers them sorted by name (provider issue 6140).
    origins: list("required", ORIGIN),
    disabledAt: text("computed"),
    networks: list("computed", STRING),
    ...stamps,
  },
});

const pools = {
  presence: "optionalComputed",
  shape: { kind: "map", element: { kind: "list", element: STRING } },
} as const;

export const loadBalancer: CloudflareResource = objectResource({
  token: "cloudflare:index/loadBalancer:LoadBalancer",
  path: (properties) => `/zones/${part(properties, "zoneId")}/load_balancers`,
  owners: ["zoneId"],
  names: {
    regionPools: { dictionary: {} },
    countryPools: { dictionary: {} },
    popPools: { dictionary: {} },
    randomSteering: { inner: { poolWeights: { dictionary: {} } } },
  },
  properties: {
    zoneId: text("required", { replace: true }),
    name: text("required"),
    description: text("optionalComputed"),
    defaultPools: list("required", STRING),
    fallbackPool: text("required"),
    enabled: flag("optional", { default: true }),
    proxied: flag("optional", { default: false }),
    ttl: number("optionalComputed"),
    steeringPolicy: text("optional", { default: "" }),
    sessionAffinity: text("optional", { default: "none" }),
    sessionAffinityTtl: number("optionalComputed"),
    sessionAffinityAttributes: anything("optionalComputed"),
    adaptiveRouting: object("optionalComputed", { failoverAcrossPools: flag("optionalComputed") }),
    locationStrategy: object("optionalComputed", {
      mode: text("optionalComputed"),
      preferEcs: text("optionalComputed"),
    }),
    randomSteering: anything("optionalComputed"),
    regionPools: pools,
    countryPools: pools,
    popPools: pools,
    networks: list("optionalComputed", STRING),
    rules: anything("optionalComputed"),
    zoneName: text("computed"),
    ...stamps,
  },
});
