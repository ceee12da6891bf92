/** Finds what an interrupted creation left at Cloudflare. Paths: developers.cloudflare.com/api. */
import { type Finder, text } from "./orphan.ts";

type Listed<T> = { readonly result: readonly T[] } | undefined;

type DnsRecord = { readonly id: string; readonly name: string; readonly type: string; readonly content: string };

const dnsRecord: Finder = async (inputs, { cloudflare }) => {
  const zone = `/zones/${text(inputs, "zoneId")}`;
  const query = new URLSearchParams({ type: text(inputs, "type"), "name.exact": text(inputs, "name") });
  const page = (await cloudflare.get(`${zone}/dns_records?${query}`)) as Listed<DnsRecord>;
  const found = page?.result.find(
    (record) => record.name === inputs.name && record.type === inputs.type && record.content === inputs.content,
  );
  if (found === undefined) return undefined;
  return {
    what: `DNS record ${found.type} ${found.name} ${found.content}`,
    id: found.id,
    remove: () => cloudflare.send("DELETE", `${zone}/dns_records/${found.id}`),
  };
};

type Ruleset = { readonly id: string; readonly kind: string; readonly phase: string; readonly name: string };

/** A zone has one entry-point ruleset per phase, so kind and phase identify it. */
const ruleset: Finder = async (inputs, { cloudflare }) => {
  const path = `/zones/${text(inputs, "zoneId")}/rulesets`;
  const page = (await cloudflare.get(path)) as Listed<Ruleset>;
  const found = page?.result.find((entry) => entry.kind === inputs.kind && entry.phase === inputs.phase);
  if (found === undefined) return undefined;
  return {
    what: `ruleset ${found.name} of phase ${found.phase}`,
    id: found.id,
    remove: () => cloudflare.send("DELETE", `${path}/${found.id}`),
  };
};

export const cloudflareFinders: Readonly<Record<string, Finder>> = {
  "cloudflare:index/dnsRecord:DnsRecord": dnsRecord,
  "cloudflare:index/ruleset:Ruleset": ruleset,
};

/** Creating these sets a value of the zone; doing it again gives the same, and there is nothing to remove. */
export const settingTypes: readonly string[] = [
  "cloudflare:index/zoneSetting:ZoneSetting",
  "cloudflare:index/tieredCache:TieredCache",
  "cloudflare:index/authenticatedOriginPullsSettings:AuthenticatedOriginPullsSettings",
];
