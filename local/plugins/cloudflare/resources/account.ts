/** Load balancing, R2 buckets and notification policies. */

import { inputsView } from "../../core/json.ts";
import {
  anything,
  fields,
  flag,
  list,
  number,
  object,
  oneOf,
  type PropertySpec,
  STRING,
  text,
} from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { Headers } from "../api.ts";
import type { Names } from "../names.ts";
import { type CloudflareResource, locate, objectResource, part } from "../resource.ts";

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

/** Filters of a policy whose names in the API are singular (cloudflare npm 7.3.0, `resources/alerting/policies`). */
const SINGULAR: Names = {
  airportCodes: { to: "airport_code" },
  alertTriggerPreferencesValues: { to: "alert_trigger_preferences_value" },
  enableds: { to: "enabled" },
  environments: { to: "environment" },
  events: { to: "event" },
  eventSources: { to: "event_source" },
  eventTypes: { to: "event_type" },
  groupBies: { to: "group_by" },
  healthCheckIds: { to: "health_check_id" },
  incidentImpacts: { to: "incident_impact" },
  inputIds: { to: "input_id" },
  insightClasses: { to: "insight_class" },
  limits: { to: "limit" },
  logoTags: { to: "logo_tag" },
  megabitsPerSeconds: { to: "megabits_per_second" },
  newHealths: { to: "new_health" },
  newStatuses: { to: "new_status" },
  packetsPerSeconds: { to: "packets_per_second" },
  poolIds: { to: "pool_id" },
  products: { to: "product" },
  projectIds: { to: "project_id" },
  protocols: { to: "protocol" },
  queryTags: { to: "query_tag" },
  requestsPerSeconds: { to: "requests_per_second" },
  slos: { to: "slo" },
  statuses: { to: "status" },
  targetHostnames: { to: "target_hostname" },
  targetIps: { to: "target_ip" },
  targetZoneNames: { to: "target_zone_name" },
  tokenIds: { to: "token_id" },
  tunnelIds: { to: "tunnel_id" },
  tunnelNames: { to: "tunnel_name" },
  types: { to: "type" },
  wheres: { to: "where" },
};

const MECHANISM = list("optional", fields({ id: text("optional") }));

export const notificationPolicy: CloudflareResource = objectResource({
  token: "cloudflare:index/notificationPolicy:NotificationPolicy",
  path: (properties) => `${account(properties)}/alerting/v3/policies`,
  owners: ["accountId"],
  names: {
    mechanisms: { inner: { emails: { to: "email" }, pagerduties: { to: "pagerduty" } } },
    filters: { inner: SINGULAR },
  },
  properties: {
    accountId,
    name: text("required"),
    alertType: text("required"),
    alertInterval: text("optional"),
    description: text("optional"),
    enabled: flag("optional", { default: true }),
    mechanisms: object("required", { emails: MECHANISM, pagerduties: MECHANISM, webhooks: MECHANISM }),
    filters: anything("optional"),
    created: text("computed"),
    modified: text("computed"),
  },
});

const bucketHeaders = (properties: Properties): Headers => {
  const jurisdiction = inputsView(properties).at("jurisdiction").stringOr("default");
  return jurisdiction === "default" ? {} : { "cf-r2-jurisdiction": jurisdiction };
};

const buckets = (properties: Properties): string => `${account(properties)}/r2/buckets`;

/** Named by the program, not by the API; the jurisdiction travels as a header. */
export const r2Bucket: CloudflareResource = {
  token: "cloudflare:index/r2Bucket:R2Bucket",
  properties: {
    accountId,
    name: text("required", { replace: true }),
    // A hint: the API answers the place it chose, in capitals.
    location: text("optionalComputed", {
      replace: true,
      same: (wanted, actual) => String(wanted).toLowerCase() === String(actual).toLowerCase(),
    }),
    jurisdiction: oneOf("optional", ["default", "eu", "fedramp"], { replace: true, default: "default" }),
    storageClass: oneOf("optional", ["Standard", "InfrequentAccess"], { default: "Standard" }),
    creationDate: text("computed"),
  },
  create: async (api, inputs, created) => {
    const view = inputsView(inputs);
    const body: Properties = {
      name: view.at("name").string(),
      storageClass: view.at("storageClass").stringOr("Standard"),
      ...(inputs.location === undefined ? {} : { locationHint: view.at("location").string().toLowerCase() }),
    };
    await api.result("POST", buckets(inputs), body, bucketHeaders(inputs));
    created(view.at("name").string());
  },
  read: async (api, id, known) => {
    const [name = "", jurisdiction] = locate(["accountId"], id, known).id.split("/");
    const place = { jurisdiction: jurisdiction ?? "default", ...locate(["accountId"], id, known).known };
    const live = await api.find(`${buckets(place)}/${name}`, bucketHeaders(place));
    return live === undefined
      ? undefined
      : {
          accountId: inputsView(place).at("accountId").string(),
          name: live.at("name").string(),
          location: live.at("location").string(),
          jurisdiction: live.at("jurisdiction").stringOr("default"),
          storageClass: live.at("storage_class").string(),
          creationDate: live.at("creation_date").string(),
        };
  },
  idAfterRead: (_id, state) => inputsView(state).at("name").string(),
  update: async (api, { id, inputs }) => {
    const headers = {
      ...bucketHeaders(inputs),
      "cf-r2-storage-class": inputsView(inputs).at("storageClass").stringOr("Standard"),
    };
    await api.result("PATCH", `${buckets(inputs)}/${id}`, undefined, headers);
  },
  remove: (api, id, state) => api.remove(`${buckets(state)}/${id}`, bucketHeaders(state)),
};
