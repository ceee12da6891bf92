/** R2 buckets and notification policies. */

import { inputsView } from "../../core/json.ts";
import { anything, fields, flag, list, object, oneOf, type PropertySpec, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { Headers } from "../api.ts";
import type { Names } from "../names.ts";
import { type CloudflareResource, locate, objectResource, part } from "../resource.ts";

const accountId: PropertySpec = text("required", { replace: true });
const account = (properties: Properties): string => `/accounts/${part(properties, "accountId")}`;

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
