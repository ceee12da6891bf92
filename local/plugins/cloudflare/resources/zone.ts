/** DNS records, zone settings and the other one-value features of a zone. */

import {
  anything,
  flag,
  list,
  number,
  object,
  oneOf,
  type PropertySpec,
  type PropertyTable,
  STRING,
  set,
  text,
} from "../../core/spec.ts";
import { deepEqual, type Properties } from "../../core/values.ts";
import { toApi } from "../names.ts";
import { type CloudflareResource, objectResource, part, settingResource } from "../resource.ts";

const zoneId: PropertySpec = text("required", { replace: true });
const zone = (properties: Properties): string => `/zones/${part(properties, "zoneId")}`;

export const dnsRecord: CloudflareResource = objectResource({
  token: "cloudflare:index/dnsRecord:DnsRecord",
  path: (properties) => `${zone(properties)}/dns_records`,
  owners: ["zoneId"],
  properties: {
    zoneId,
    name: text("required", { same: (wanted, actual) => String(wanted).toLowerCase() === String(actual).toLowerCase() }),
    type: text("required"),
    ttl: number("required"),
    content: text("optionalComputed"),
    proxied: flag("optional", { default: false }),
    priority: number("optional"),
    comment: text("optional"),
    tags: set("optionalComputed", STRING),
    settings: object("optionalComputed", {
      ipv4Only: flag("optionalComputed"),
      ipv6Only: flag("optionalComputed"),
      flattenCname: flag("optionalComputed"),
    }),
    data: anything("optional", { keptWhenOmitted: true }),
    privateRouting: flag("optionalComputed"),
    createdOn: text("computed"),
    modifiedOn: text("computed"),
    commentModifiedOn: text("computed"),
    tagsModifiedOn: text("computed"),
    proxiable: flag("computed"),
    meta: text("computed"),
  },
  contradictions: (inputs) => [
    ...(inputs.proxied === true && inputs.ttl !== 1
      ? [{ property: "ttl", reason: `ttl: ${String(inputs.ttl)} given, must be 1 when proxied is true` }]
      : []),
    ...(inputs.content === undefined && inputs.data === undefined
      ? [{ property: "content", reason: "content: missing; give content or data" }]
      : []),
  ],
  adjust: (state, live) => ({ ...state, meta: JSON.stringify(live.at("meta").value ?? {}) }),
});

export const zoneSetting: CloudflareResource = settingResource({
  token: "cloudflare:index/zoneSetting:ZoneSetting",
  path: (properties) => `${zone(properties)}/settings/${part(properties, "settingId")}`,
  owners: ["zoneId", "settingId"],
  idProperty: "settingId",
  createMethod: "PATCH",
  updateMethod: "PATCH",
  properties: {
    zoneId,
    settingId: text("required", { replace: true }),
    // Keys of an object value may be spelt either way.
    value: anything("required", { same: (wanted, actual) => deepEqual(toApi(wanted), toApi(actual)) }),
    enabled: flag("optionalComputed"),
    editable: flag("computed"),
    modifiedOn: text("computed"),
    timeRemaining: number("computed"),
  },
  adjust: (state, live) => ({ ...state, value: live.at("value").value ?? "" }),
});

const onOff = (value: PropertySpec): PropertyTable => ({
  zoneId,
  value,
  editable: flag("computed"),
  modifiedOn: text("computed"),
});

export const tieredCache: CloudflareResource = settingResource({
  token: "cloudflare:index/tieredCache:TieredCache",
  path: (properties) => `${zone(properties)}/cache/tiered_cache_smart_topology_enable`,
  owners: ["zoneId"],
  idProperty: "zoneId",
  createMethod: "POST",
  updateMethod: "PATCH",
  resets: true,
  properties: onOff(oneOf("required", ["on", "off"])),
});

const argo = (token: string, name: string): CloudflareResource =>
  settingResource({
    token,
    path: (properties) => `${zone(properties)}/argo/${name}`,
    owners: ["zoneId"],
    idProperty: "zoneId",
    createMethod: "PATCH",
    updateMethod: "PATCH",
    properties: onOff(oneOf("required", ["on", "off"])),
  });

export const argoTieredCaching = argo("cloudflare:index/argoTieredCaching:ArgoTieredCaching", "tiered_caching");
export const argoSmartRouting = argo("cloudflare:index/argoSmartRouting:ArgoSmartRouting", "smart_routing");

export const originPullsSettings: CloudflareResource = settingResource({
  token: "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings",
  path: (properties) => `${zone(properties)}/origin_tls_client_auth/settings`,
  owners: ["zoneId"],
  idProperty: "zoneId",
  createMethod: "PUT",
  updateMethod: "PUT",
  properties: { zoneId, enabled: flag("required") },
});

export const originPullsCertificate: CloudflareResource = objectResource({
  token: "cloudflare:index/authenticatedOriginPullsCertificate:AuthenticatedOriginPullsCertificate",
  path: (properties) => `${zone(properties)}/origin_tls_client_auth`,
  owners: ["zoneId"],
  properties: {
    zoneId,
    certificate: text("required", { replace: true }),
    privateKey: text("required", { replace: true, unread: true, secret: true }),
    certificateId: text("computed"),
    enabled: flag("computed"),
    expiresOn: text("computed"),
    issuer: text("computed"),
    serialNumber: text("computed"),
    signature: text("computed"),
    status: text("computed"),
    uploadedOn: text("computed"),
  },
  adjust: (state, live) => ({ ...state, certificateId: live.at("id").string() }),
});

export const botManagement: CloudflareResource = settingResource({
  token: "cloudflare:index/botManagement:BotManagement",
  path: (properties) => `${zone(properties)}/bot_management`,
  owners: ["zoneId"],
  idProperty: "zoneId",
  createMethod: "PUT",
  updateMethod: "PUT",
  properties: {
    zoneId,
    aiBotsProtection: oneOf("optionalComputed", ["block", "disabled", "only_on_ad_pages"]),
    autoUpdateModel: flag("optionalComputed"),
    bmCookieEnabled: flag("optionalComputed"),
    cfRobotsVariant: text("optionalComputed"),
    crawlerProtection: oneOf("optionalComputed", ["enabled", "disabled"]),
    enableJs: flag("optionalComputed"),
    fightMode: flag("optionalComputed"),
    isRobotsTxtManaged: flag("optionalComputed"),
    optimizeWordpress: flag("optionalComputed"),
    sbfmDefinitelyAutomated: text("optionalComputed"),
    sbfmLikelyAutomated: text("optionalComputed"),
    sbfmStaticResourceProtection: flag("optionalComputed"),
    sbfmVerifiedBots: text("optionalComputed"),
    suppressSessionScore: flag("optionalComputed"),
    staleZoneConfiguration: anything("computed"),
    usingLatestModel: flag("computed"),
  },
});

export const originCaCertificate: CloudflareResource = objectResource({
  token: "cloudflare:index/originCaCertificate:OriginCaCertificate",
  path: () => "/certificates",
  owners: [],
  properties: {
    csr: text("required", { replace: true }),
    hostnames: set("required", STRING, { replace: true }),
    requestType: oneOf("required", ["origin-rsa", "origin-ecc", "keyless-certificate"], { replace: true }),
    requestedValidity: number("optional", { replace: true, default: 5475 }),
    certificate: text("computed"),
    expiresOn: text("computed"),
  },
});

export const healthcheck: CloudflareResource = objectResource({
  token: "cloudflare:index/healthcheck:Healthcheck",
  path: (properties) => `${zone(properties)}/healthchecks`,
  owners: ["zoneId"],
  names: { httpConfig: { inner: { header: { dictionary: {} } } } },
  properties: {
    zoneId,
    name: text("required"),
    address: text("required"),
    description: text("optionalComputed"),
    type: text("optional", { default: "HTTP" }),
    checkRegions: list("optionalComputed", STRING),
    interval: number("optional", { default: 60 }),
    retries: number("optional", { default: 2 }),
    timeout: number("optional", { default: 5 }),
    consecutiveFails: number("optional", { default: 1 }),
    consecutiveSuccesses: number("optional", { default: 1 }),
    suspended: flag("optional", { default: false }),
    httpConfig: object("optionalComputed", {
      method: text("optionalComputed"),
      port: number("optionalComputed"),
      path: text("optionalComputed"),
      expectedCodes: list("optionalComputed", STRING),
      expectedBody: text("optionalComputed"),
      followRedirects: flag("optionalComputed"),
      allowInsecure: flag("optionalComputed"),
      header: { presence: "optionalComputed", shape: { kind: "map", element: { kind: "list", element: STRING } } },
    }),
    tcpConfig: object("optionalComputed", { method: text("optionalComputed"), port: number("optionalComputed") }),
    createdOn: text("computed"),
    modifiedOn: text("computed"),
    failureReason: text("computed"),
    status: text("computed"),
  },
});
