/** What the emulator stores. Bodies of resources are kept as the API shows them. */

import type { Collection, Document } from "../shared/collection.ts";
import type { Store } from "../shared/store.ts";

export type PlanName = "free" | "pro" | "business";

export type Account = Document & { readonly id: string; readonly name: string; readonly createdOn: string };

export type Zone = Document & {
  readonly id: string;
  readonly name: string;
  readonly plan: PlanName;
  readonly accountId: string;
  readonly createdOn: string;
  readonly modifiedOn: string;
};

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** A resource of a zone or an account; `body` is its JSON in the API, with its id. */
export type Owned = Document & { readonly id: string; readonly owner: string; readonly body: JsonObject };

/** One value per zone: a zone setting, a switch, a document. The id is `<zone>/<name>`. */
export type Setting = Document & { readonly id: string; readonly value: Json; readonly modifiedOn: string };

/** Key of an uploaded certificate, for the edge; no answer of the API shows it. The id is the certificate's. */
export type PrivateKey = Document & { readonly id: string; readonly privateKey: string };

export type SigningAuthority = Document & {
  readonly id: "origin";
  readonly certificate: string;
  readonly privateKey: string;
};

export type Collections = {
  readonly accounts: Collection<Account>;
  readonly zones: Collection<Zone>;
  readonly dnsRecords: Collection<Owned>;
  readonly settings: Collection<Setting>;
  readonly rulesets: Collection<Owned>;
  readonly originPullCertificates: Collection<Owned>;
  readonly originPullKeys: Collection<PrivateKey>;
  readonly originCertificates: Collection<Owned>;
  readonly authorities: Collection<SigningAuthority>;
  readonly buckets: Collection<Owned>;
  readonly healthchecks: Collection<Owned>;
  readonly loadBalancers: Collection<Owned>;
  readonly pools: Collection<Owned>;
  readonly monitors: Collection<Owned>;
  readonly policies: Collection<Owned>;
};

export const openCollections = (store: Store): Collections => {
  const owned = (name: string): Collection<Owned> =>
    store.collection<Owned>(`cloudflare.${name}`, { owner: (document) => document.owner });
  return {
    accounts: store.collection<Account>("cloudflare.accounts"),
    zones: store.collection<Zone>("cloudflare.zones", { name: (zone) => zone.name }),
    dnsRecords: owned("dns_records"),
    settings: store.collection<Setting>("cloudflare.settings"),
    rulesets: owned("rulesets"),
    originPullCertificates: owned("origin_pull_certificates"),
    originPullKeys: store.collection<PrivateKey>("cloudflare.origin_pull_keys"),
    originCertificates: owned("origin_certificates"),
    authorities: store.collection<SigningAuthority>("cloudflare.authorities"),
    buckets: owned("r2_buckets"),
    healthchecks: owned("healthchecks"),
    loadBalancers: owned("load_balancers"),
    pools: owned("load_balancer_pools"),
    monitors: owned("load_balancer_monitors"),
    policies: owned("notification_policies"),
  };
};
