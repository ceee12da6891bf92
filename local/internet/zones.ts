import { isIPv4 } from "node:net";
import type { Collections, JsonObject, Owned, Zone } from "../cloudflare/records.ts";
import { settingValue } from "../cloudflare/zone/settings.ts";
import { ORIGIN_PULLS } from "../cloudflare/zone/switches.ts";
import { settingKey } from "../cloudflare/zone/settings.ts";
import type { Authority, KeyPair } from "./authority.ts";
import type { EdgeRule, EdgeZone, OriginTls } from "./edge/config.ts";

type DnsRecord = { readonly name: string; readonly type: string; readonly content: string; readonly proxied: boolean };

const recordsOf = (data: Collections, zone: Zone): readonly DnsRecord[] =>
  data.dnsRecords.where("owner", zone.id).map(({ body }) => body as unknown as DnsRecord);

const longestChain = 8;

/** IPv4 addresses a name leads to in the zones of this account: the local internet has no other. */
const addressesOf = (all: readonly DnsRecord[], name: string, depth = 0): readonly string[] =>
  all
    .filter((record) => record.name === name)
    .flatMap(({ type, content }) => {
      if (type === "A") return [content];
      return type === "CNAME" && depth < longestChain ? addressesOf(all, content, depth + 1) : [];
    });

const allRecords = (data: Collections): readonly DnsRecord[] =>
  data.zones.all().flatMap((zone) => recordsOf(data, zone));

/** Addresses by host name, as the resolvers of the internet say: the edge's for proxied names. */
export const publicNames = (data: Collections, edgeAddress: string): ReadonlyMap<string, string> => {
  const all = allRecords(data);
  const hosts = all.filter(({ type }) => type === "A" || type === "CNAME");
  return new Map(
    hosts.flatMap(({ name, proxied }) => {
      const address = proxied ? edgeAddress : addressesOf(all, name)[0];
      return address !== undefined && isIPv4(address) ? [[name, address] as const] : [];
    }),
  );
};

const ruleOf = (body: JsonObject): EdgeRule => ({
  id: String(body.id),
  action: String(body.action),
  expression: String(body.expression),
  parameters: (body.action_parameters ?? {}) as EdgeRule["parameters"],
  ratelimit: body.ratelimit === undefined ? null : (body.ratelimit as unknown as EdgeRule["ratelimit"]),
});

const rulesOf = (data: Collections, zone: Zone, phase: string): readonly EdgeRule[] =>
  data.rulesets
    .where("owner", zone.id)
    .filter(({ body }) => body.phase === phase)
    .flatMap(({ body }) => (body.rules ?? []) as readonly JsonObject[])
    .filter(({ enabled }) => enabled !== false)
    .map(ruleOf);

/** What the edge shows to origins: the zone's newest own certificate, else the one all customers share. */
const clientCertificate = (data: Collections, zone: Zone, shared: KeyPair): KeyPair | null => {
  if (data.settings.get(settingKey(zone, ORIGIN_PULLS))?.value !== true) return null;
  const uploaded: Owned | undefined = data.originPullCertificates.where("owner", zone.id).at(-1);
  const key = uploaded === undefined ? undefined : data.originPullKeys.get(uploaded.id)?.privateKey;
  return uploaded === undefined || key === undefined ? shared : { certificate: String(uploaded.body.certificate), key };
};

/** Certificates the edge needs and does not get from the API. Each is issued once while the process lives. */
export class EdgeCertificates {
  readonly authority: Authority;
  readonly #issued = new Map<string, Promise<KeyPair>>();

  constructor(authority: Authority) {
    this.authority = authority;
  }

  /** As Cloudflare's universal certificate: the zone and one level below it (CFD ssl/edge-certificates/universal-ssl). */
  ofZone(zone: string): Promise<KeyPair> {
    return this.#once(zone, [zone, `*.${zone}`]);
  }

  /** Shown to origins of every zone that uploaded none. */
  shared(): Promise<KeyPair> {
    return this.#once("", ["origin-pull.cloudflare.net"]);
  }

  #once(key: string, names: readonly string[]): Promise<KeyPair> {
    const pair = this.#issued.get(key) ?? this.authority.issue(names);
    this.#issued.set(key, pair);
    return pair;
  }
}

const edgeZone = async (data: Collections, zone: Zone, certificates: EdgeCertificates): Promise<EdgeZone> => {
  const setting = (name: string) => settingValue(data.settings, zone, name);
  const all = allRecords(data);
  const proxied = [
    ...new Set(recordsOf(data, zone).flatMap(({ name, proxied: isProxied }) => (isProxied ? [name] : []))),
  ];
  const originAuthority = data.authorities.get("origin")?.certificate;
  return {
    name: zone.name,
    certificate: await certificates.ofZone(zone.name),
    ssl: setting("ssl") as OriginTls,
    minTlsVersion: String(setting("min_tls_version")),
    tls13: setting("tls_1_3") !== "off",
    alwaysUseHttps: setting("always_use_https") === "on",
    webSockets: setting("websockets") === "on",
    developmentMode: setting("development_mode") === "on",
    originAuthorities: [
      ...(originAuthority === undefined ? [] : [originAuthority]),
      certificates.authority.certificate,
    ],
    clientCertificate: clientCertificate(data, zone, await certificates.shared()),
    hosts: Object.fromEntries(proxied.map((name) => [name, [...new Set(addressesOf(all, name))].filter(isIPv4)])),
    firewall: rulesOf(data, zone, "http_request_firewall_custom"),
    rateLimits: rulesOf(data, zone, "http_ratelimit"),
    cacheRules: rulesOf(data, zone, "http_request_cache_settings"),
  };
};

/** Every zone as the edge serves it, from what the Cloudflare API holds. */
export const edgeZones = (data: Collections, certificates: EdgeCertificates): Promise<readonly EdgeZone[]> =>
  Promise.all(data.zones.all().map((zone) => edgeZone(data, zone, certificates)));
