import type { CloudflarePlan, PlatformConfig } from "../config/schema.ts";
import { cloudflareRanges } from "./cloudflare-ranges.ts";
import { edgeLimits } from "./edge-limits.ts";
import type { CacheRulePlan, DnsRecordPlan, EdgePlan, RateLimitRulePlan, WafRulePlan } from "./types.ts";

/** Zone settings in Cloudflare's own words; all of them exist on every plan. */
const settings = {
  ssl: "strict",
  min_tls_version: "1.2",
  tls_1_3: "on",
  always_use_https: "on",
  automatic_https_rewrites: "on",
  http3: "on",
  // A 0-RTT request can be replayed by whoever recorded it.
  "0rtt": "off",
  websockets: "on",
  brotli: "on",
  early_hints: "on",
} as const;

/** Path prefixes of the application the edge treats specially. */
export const apiPath = "/api/";
export const authPath = "/api/auth/";

/** Requests per second one client address may make: the same at the edge and in nginx. */
export const requestsPerSecondPerClient = 20;

export type Door = { readonly machine: string; readonly primaryIp: string };

/** `doors` are the machines with a public address, which every host of the zone points at. */
export function buildEdge(config: PlatformConfig, doors: readonly Door[]): EdgePlan {
  const plan = config.edge.plan ?? (config.phase === 1 ? "free" : "pro");
  return {
    zone: config.domain,
    plan,
    records: records(config, doors),
    settings,
    cacheRules: cacheRules(config, plan),
    rateLimits: rateLimits(plan),
    wafRules,
    tieredCache: true,
    authenticatedOriginPulls: true,
    originRanges: cloudflareRanges,
  };
}

/** Fully qualified name of a host of the zone. */
export function fqdnOf(host: string, domain: string): string {
  return host === "@" ? domain : `${host}.${domain}`;
}

/** Every host points at every load balancer: with two proxied records the edge retries the other by itself. */
function records(config: PlatformConfig, doors: readonly Door[]): readonly DnsRecordPlan[] {
  return config.edge.hosts.flatMap((host) => {
    const fqdn = fqdnOf(host, config.domain);
    return doors.map((door) => ({
      name: `${fqdn}-${door.machine}`,
      fqdn,
      type: "A" as const,
      primaryIp: door.primaryIp,
      proxied: true as const,
    }));
  });
}

/** Of all rules that match, the last one wins: the API is never cached, whatever its path. */
function cacheRules(config: PlatformConfig, plan: CloudflarePlan): readonly CacheRulePlan[] {
  const apiHost = config.edge.hosts.includes("api") ? [`http.host eq ${quote(fqdnOf("api", config.domain))}`] : [];
  const bypass: CacheRulePlan = {
    ref: "api",
    description: "Never cache the API",
    expression: anyOf([...apiHost, startsWith(apiPath)]),
    cache: false,
    edgeTtlSeconds: null,
    browserTtlSeconds: null,
  };
  if (config.edge.staticPaths.length === 0) return [bypass];
  const assets: CacheRulePlan = {
    ref: "static",
    description: "Cache static files at the edge",
    expression: anyOf(config.edge.staticPaths.map(startsWith)),
    cache: true,
    edgeTtlSeconds: Math.max(edgeLimits[plan].minimumEdgeTtlSeconds, edgeLimits.pro.minimumEdgeTtlSeconds),
    browserTtlSeconds: null,
  };
  return [assets, bypass];
}

/** Cloudflare wants the colo beside the address: each data centre counts for itself. */
const perClient = ["ip.src", "cf.colo.id"];

const hour = 3_600;

/**
 * Passwords first: the one rule Free allows guards sign-in. The second holds each client to nginx's rate. Only Business
 * may look at the method and so can hold writes apart from reads; below it, nginx does that.
 */
function rateLimits(plan: CloudflarePlan): readonly RateLimitRulePlan[] {
  const auth = {
    ref: "auth",
    description: "Sign-in attempts",
    expression: startsWith(authPath),
    characteristics: perClient,
  };
  if (plan === "free") {
    return [{ ...auth, periodSeconds: 10, requestsPerPeriod: 10, mitigationTimeoutSeconds: 10 }];
  }
  const writes = plan === "business" ? ` and http.request.method in {"POST" "PUT" "PATCH" "DELETE"}` : "";
  return [
    { ...auth, periodSeconds: 60, requestsPerPeriod: 20, mitigationTimeoutSeconds: hour },
    {
      ref: plan === "business" ? "writes" : "api",
      description: plan === "business" ? "Writes to the API" : "Requests to the API",
      expression: `${startsWith(apiPath)}${writes}`,
      characteristics: perClient,
      periodSeconds: 60,
      requestsPerPeriod: plan === "business" ? 120 : requestsPerSecondPerClient * 60,
      mitigationTimeoutSeconds: 60,
    },
  ];
}

/** Three of the five rules Free allows; no regular expressions, which need Business. */
const wafRules: readonly WafRulePlan[] = [
  {
    ref: "probes",
    description: "Probes for files this platform never has",
    expression: anyOf([
      `http.request.uri.path contains "/." and not ${startsWith("/.well-known/")}`,
      `ends_with(http.request.uri.path, ".php")`,
      startsWith("/wp-"),
    ]),
    action: "block",
  },
  {
    ref: "internal-paths",
    description: "Paths for operators, reachable from inside only",
    expression: anyOf([`http.request.uri.path eq "/metrics"`, `http.request.uri.path eq "/readyz"`]),
    action: "block",
  },
  {
    ref: "methods",
    description: "Methods the application does not speak",
    expression: `not http.request.method in {"GET" "HEAD" "POST" "PUT" "PATCH" "DELETE" "OPTIONS"}`,
    action: "block",
  },
];

function startsWith(path: string): string {
  return `starts_with(http.request.uri.path, ${quote(path)})`;
}

function anyOf(conditions: readonly string[]): string {
  return conditions.map((condition) => `(${condition})`).join(" or ");
}

/** A string literal of Cloudflare's rules language. */
function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
