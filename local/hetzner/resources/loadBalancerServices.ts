/** Services of a load balancer: defaults and rules. Defaults are the API's (its reference, load balancers). */
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, refused } from "../http/errors.ts";
import { idSchema } from "../http/validate.ts";
import type { HealthCheck, LoadBalancerServiceRecord, ServiceHttp } from "../records.ts";

const port = z.int().min(1).max(65_535);
const httpSchema = z.strictObject({
  cookie_name: z.string().nullish(),
  cookie_lifetime: z.int().min(1).nullish(),
  certificates: z.array(idSchema).nullish(),
  redirect_http: z.boolean().nullish(),
  sticky_sessions: z.boolean().nullish(),
  timeout_idle: z.int().min(30).max(300).nullish(),
});
const healthSchema = z.strictObject({
  protocol: z.enum(["tcp", "http", "https"]).nullish(),
  port: port.nullish(),
  interval: z.int().min(3).max(60).nullish(),
  timeout: z.int().min(1).max(60).nullish(),
  retries: z.int().min(1).max(5).nullish(),
  http: z
    .strictObject({
      domain: z.string().nullish(),
      path: z.string().nullish(),
      response: z.string().nullish(),
      status_codes: z.array(z.string()).nullish(),
      tls: z.boolean().nullish(),
    })
    .nullish(),
});

export const serviceSchema = z.strictObject({
  protocol: z.enum(["tcp", "http", "https"]),
  listen_port: port.nullish(),
  destination_port: port.nullish(),
  proxyprotocol: z.boolean().nullish(),
  http: httpSchema.nullish(),
  health_check: healthSchema.nullish(),
});
export const serviceUpdateSchema = serviceSchema.extend({
  listen_port: port,
  protocol: z.enum(["tcp", "http", "https"]).nullish(),
});

type ServiceInput = z.output<typeof serviceSchema>;
type ServiceUpdate = z.output<typeof serviceUpdateSchema>;

const httpDefaults: ServiceHttp = {
  cookie_name: "HCLBSTICKY",
  cookie_lifetime: 300,
  certificates: [],
  redirect_http: false,
  sticky_sessions: false,
  timeout_idle: 60,
};
const healthHttpDefaults: NonNullable<HealthCheck["http"]> = {
  domain: "",
  path: "/",
  response: "",
  status_codes: ["2??", "3??"],
  tls: false,
};

/** The given fields over the defaults, left-out and null ones aside. */
function over<T extends object>(
  defaults: T,
  given: { readonly [K in keyof T]?: T[K] | null | undefined } | null | undefined,
): T {
  const set = Object.entries(given ?? {}).filter(([, value]) => value !== null && value !== undefined);
  return { ...defaults, ...(Object.fromEntries(set) as Partial<T>) };
}

function healthCheck(
  protocol: string,
  destination: number,
  given: ServiceInput["health_check"],
  old?: HealthCheck,
): HealthCheck {
  const { http, ...rest } = given ?? {};
  const base: HealthCheck = old ?? {
    protocol: protocol === "tcp" ? "tcp" : "http",
    port: destination,
    interval: 15,
    timeout: 10,
    retries: 3,
    http: null,
  };
  const merged = over(base, rest);
  if (merged.timeout > merged.interval) throw invalidField("health_check.timeout", "Must not exceed the interval.");
  const checksHttp = merged.protocol !== "tcp";
  return { ...merged, http: checksHttp ? over(old?.http ?? healthHttpDefaults, http) : null };
}

const defaultPorts = { tcp: undefined, http: 80, https: 443 } as const;

function checkHttp(cloud: Cloud, protocol: string, http: ServiceHttp): void {
  for (const id of http.certificates) {
    if (cloud.certificates.get(id) === undefined) {
      throw invalidField("http.certificates", `certificate with ID '${id}' not found`);
    }
  }
  if (protocol === "https" && http.certificates.length === 0) {
    throw invalidField("http.certificates", "Needed for protocol https.");
  }
  if (protocol === "http" && (http.certificates.length > 0 || http.redirect_http)) {
    throw invalidField("http", "Certificates and redirect_http are for protocol https.");
  }
}

export function newService(cloud: Cloud, input: ServiceInput): LoadBalancerServiceRecord {
  const { protocol } = input;
  const listen = input.listen_port ?? defaultPorts[protocol];
  if (listen === undefined) throw invalidField("listen_port", "Needed for protocol tcp.");
  const destination = input.destination_port ?? (protocol === "tcp" ? undefined : 80);
  if (destination === undefined) throw invalidField("destination_port", "Needed for protocol tcp.");
  if (protocol === "tcp" && input.http != null) throw invalidField("http", "Not allowed for protocol tcp.");
  const http = protocol === "tcp" ? null : over(httpDefaults, input.http);
  if (http !== null) checkHttp(cloud, protocol, http);
  return {
    protocol,
    listen_port: listen,
    destination_port: destination,
    proxyprotocol: input.proxyprotocol ?? false,
    http,
    health_check: healthCheck(protocol, destination, input.health_check),
  };
}

export function updatedService(
  cloud: Cloud,
  old: LoadBalancerServiceRecord,
  input: ServiceUpdate,
): LoadBalancerServiceRecord {
  const protocol = input.protocol ?? old.protocol;
  if (protocol === "tcp" && input.http != null) throw invalidField("http", "Not allowed for protocol tcp.");
  const destination = input.destination_port ?? old.destination_port;
  const http = protocol === "tcp" ? null : over(old.http ?? httpDefaults, input.http);
  if (http !== null) checkHttp(cloud, protocol, http);
  return {
    protocol,
    listen_port: old.listen_port,
    destination_port: destination,
    proxyprotocol: input.proxyprotocol ?? old.proxyprotocol,
    http,
    health_check: healthCheck(protocol, destination, input.health_check, old.health_check),
  };
}

/** The services with one more; a listen port serves once. */
export function withService(
  services: readonly LoadBalancerServiceRecord[],
  added: LoadBalancerServiceRecord,
): readonly LoadBalancerServiceRecord[] {
  if (services.some((service) => service.listen_port === added.listen_port)) {
    throw refused("source_port_already_used", `listen port ${added.listen_port} is already in use`);
  }
  return [...services, added];
}
