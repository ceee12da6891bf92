import type { KeyPair } from "../authority.ts";

/** A rule of a zone, as the API keeps it. */
export type EdgeRule = {
  readonly id: string;
  readonly action: string;
  readonly expression: string;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly ratelimit: {
    readonly characteristics: readonly string[];
    readonly period: number;
    readonly requests_per_period: number;
    readonly mitigation_timeout: number;
  } | null;
};

/** How the edge reaches an origin: zone setting `ssl` (CFD ssl/origin-configuration/ssl-modes). */
export type OriginTls = "off" | "flexible" | "full" | "strict" | "origin_pull";

/** Everything the edge knows of one zone; comes from the state of the Cloudflare API alone. */
export type EdgeZone = {
  readonly name: string;
  /** What visitors see. */
  readonly certificate: KeyPair;
  readonly ssl: OriginTls;
  readonly minTlsVersion: string;
  readonly tls13: boolean;
  readonly alwaysUseHttps: boolean;
  readonly webSockets: boolean;
  readonly developmentMode: boolean;
  /** PEM certificates of those who may vouch for an origin in mode strict. */
  readonly originAuthorities: readonly string[];
  /** What the edge shows to an origin; null while authenticated origin pulls are off. */
  readonly clientCertificate: KeyPair | null;
  /** Origin addresses by host name, of the proxied records. */
  readonly hosts: Readonly<Record<string, readonly string[]>>;
  readonly firewall: readonly EdgeRule[];
  readonly rateLimits: readonly EdgeRule[];
  readonly cacheRules: readonly EdgeRule[];
};

export type EdgeConfig = { readonly zones: readonly EdgeZone[] };

/** Whether a name is the zone or lies in it. */
export const isWithin = (name: string, zone: string): boolean => name === zone || name.endsWith(`.${zone}`);
