/** Zones, their accounts and their subscription. They are made over the control API, as in the dashboard. */

import { Hono } from "hono";
import { z } from "zod";
import { ControlError, controlBody } from "../../shared/control.ts";
import { type Cloud, newId, zoneOf } from "../cloud.ts";
import { answer, answerList } from "../http/answers.ts";
import { missing } from "../http/errors.ts";
import { readQuery } from "../http/requests.ts";
import type { Account, JsonObject, PlanName, Zone } from "../records.ts";

type PlanFacts = { readonly id: string; readonly name: string; readonly price: number };

/** Names and monthly prices (USD, billed monthly) of the plans; ids as the API uses them for every zone. */
const PLANS: Readonly<Record<PlanName, PlanFacts>> = {
  free: { id: "0feeeeeeeeeeeeeeeeeeeeeeeeeeeeee", name: "Free Website", price: 0 },
  pro: { id: "1ac039f6c29b691475c3d74fe588d1ae", name: "Pro Website", price: 25 },
  business: { id: "94f3b7b768b0458b56d2cac4fe5ec0f9", name: "Business Website", price: 250 },
};

export const DEFAULT_ACCOUNT_NAME = "Local account";

const planBody = (plan: PlanName): JsonObject => ({
  id: PLANS[plan].id,
  name: PLANS[plan].name,
  price: PLANS[plan].price,
  currency: "USD",
  frequency: plan === "free" ? "" : "monthly",
  is_subscribed: true,
  can_subscribe: false,
  legacy_id: plan,
  legacy_discount: false,
  externally_managed: false,
});

const zoneBody = (zone: Zone, account: Account): JsonObject => ({
  id: zone.id,
  name: zone.name,
  status: "active",
  paused: false,
  type: "full",
  development_mode: 0,
  name_servers: ["ada.ns.cloudflare.com", "bob.ns.cloudflare.com"],
  original_name_servers: [],
  original_registrar: null,
  original_dnshost: null,
  modified_on: zone.modifiedOn,
  created_on: zone.createdOn,
  activated_on: zone.createdOn,
  meta: {
    step: 2,
    custom_certificate_quota: 0,
    page_rule_quota: 3,
    phishing_detected: false,
    cdn_only: false,
    dns_only: false,
    foundation_dns: false,
  },
  owner: { id: null, type: "user", email: null },
  account: { id: account.id, name: account.name },
  tenant: { id: null, name: null },
  tenant_unit: { id: null },
  permissions: ["#dns_records:edit", "#zone:edit", "#zone:read"],
  plan: planBody(zone.plan),
});

export type ZoneSeed = { readonly name: string; readonly plan: PlanName; readonly accountId?: string };

const accountFor = (cloud: Cloud, id: string | undefined): Account => {
  const { accounts } = cloud.data;
  const existing = id === undefined ? accounts.all()[0] : accounts.get(id);
  return existing ?? accounts.put({ id: id ?? newId(), name: DEFAULT_ACCOUNT_NAME, createdOn: cloud.stamp() });
};

/** Makes the zone, or gives an existing one of that name the plan. */
export const seedZone = (cloud: Cloud, seed: ZoneSeed): Zone =>
  cloud.local.store.transaction(() => {
    const [existing] = cloud.data.zones.where("name", seed.name);
    const accountId = existing?.accountId ?? accountFor(cloud, seed.accountId).id;
    const stamp = cloud.stamp();
    return cloud.data.zones.put({
      id: existing?.id ?? newId(),
      name: seed.name,
      plan: seed.plan,
      accountId,
      createdOn: existing?.createdOn ?? stamp,
      modifiedOn: stamp,
    });
  });

const shown = (cloud: Cloud, zone: Zone): JsonObject => zoneBody(zone, accountFor(cloud, zone.accountId));

const FILTERS = ["name", "status", "type", "account.id", "account.name"];

export const zoneRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.get("/zones", (context) => {
    const query = readQuery(context, cloud.local.observer, FILTERS);
    const found = cloud.data.zones.all().filter((zone) => {
      const account = accountFor(cloud, zone.accountId);
      const facts: Readonly<Record<string, string>> = {
        name: zone.name,
        status: "active",
        type: "full",
        "account.id": account.id,
        "account.name": account.name,
      };
      return FILTERS.every(
        (filter) =>
          !query.has(filter) ||
          query
            .get(filter)
            ?.split(",")
            .includes(facts[filter] ?? ""),
      );
    });
    return answerList(
      context,
      query,
      found.map((zone) => shown(cloud, zone)),
      { defaultSize: 20, largest: 50 },
    );
  });
  app.get("/zones/:zone", (context) => answer(context, shown(cloud, zoneOf(cloud, context))));
  app.get("/zones/:zone/subscription", (context) => {
    const zone = zoneOf(cloud, context);
    if (zone.plan === "free") {
      // cloudflare/terraform-provider-cloudflare issue 7083.
      throw missing(1207, "You do not have a subscription for this zone.");
    }
    const { id, name, price } = PLANS[zone.plan];
    return answer(context, {
      id: zone.id,
      state: "Paid",
      price,
      currency: "USD",
      frequency: "monthly",
      component_values: [],
      rate_plan: { id: zone.plan, public_name: name, currency: "USD", scope: "zone", sets: [], is_contract: false },
      product: { name: `prod_${id}`, duration: 1 },
    });
  });
  app.get("/accounts", (context) => {
    const query = readQuery(context, cloud.local.observer, ["name"]);
    const found = cloud.data.accounts.all().filter(({ name }) => (query.get("name") ?? name) === name);
    return answerList(
      context,
      query,
      found.map(({ id, name, createdOn }) => ({ id, name, type: "standard", created_on: createdOn, settings: {} })),
      { defaultSize: 20, largest: 50 },
    );
  });
  return app;
};

const seedSchema = z.strictObject({
  name: z.string().regex(/^([a-z0-9-]+\.)+[a-z]{2,}$/, "a domain such as example.com is needed"),
  plan: z.enum(["free", "pro", "business"]),
  accountId: z
    .string()
    .regex(/^[0-9a-f]{32}$/, "32 hexadecimal digits are needed")
    .optional(),
});

/** `/_local/zones`: list, create or change, delete with everything in them. */
export const zoneControl = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.get("/zones", (context) => context.json({ zones: cloud.data.zones.all() }));
  app.post("/zones", async (context) => {
    const { accountId, ...seed } = await controlBody(context.req, seedSchema);
    const known = cloud.data.zones.where("name", seed.name).length > 0;
    const zone = seedZone(cloud, accountId === undefined ? seed : { ...seed, accountId });
    return context.json({ zone }, known ? 200 : 201);
  });
  app.delete("/zones/:id", (context) => {
    const zone = cloud.data.zones.get(context.req.param("id"));
    if (zone === undefined) {
      throw new ControlError(`no zone ${context.req.param("id")}`);
    }
    cloud.local.store.transaction(() => {
      for (const { id } of cloud.data.originPullCertificates.where("owner", zone.id)) {
        cloud.data.originPullKeys.delete(id);
      }
      const { dnsRecords, rulesets, healthchecks, loadBalancers, originPullCertificates, settings } = cloud.data;
      for (const collection of [dnsRecords, rulesets, healthchecks, loadBalancers, originPullCertificates]) {
        for (const { id } of collection.where("owner", zone.id)) {
          collection.delete(id);
        }
      }
      for (const { id } of settings.all().filter((setting) => setting.id.startsWith(`${zone.id}/`))) {
        settings.delete(id);
      }
      cloud.data.zones.delete(zone.id);
    });
    return context.body(null, 204);
  });
  return app;
};
