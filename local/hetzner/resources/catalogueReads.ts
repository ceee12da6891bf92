/** The read-only resources: locations, server types, load balancer types, ISOs, pricing; and the removed datacenters. */
import { type Context, Hono } from "hono";
import { isos } from "../catalogue/images.ts";
import { locations } from "../catalogue/locations.ts";
import { price, vatRate } from "../catalogue/money.ts";
import {
  backupPercentage,
  floatingIpMonth,
  loadBalancerTypes,
  primaryIpv4,
  snapshotPerGbMonth,
  volumePerGbMonth,
} from "../catalogue/products.ts";
import { serverTypes } from "../catalogue/serverTypes.ts";
import type { Cloud } from "../engine/cloud.ts";
import { notFound, removedEndpoint } from "../http/errors.ts";
import { type Listable, type ListOptions, list } from "../http/listing.ts";
import { pathId, readQuery } from "../http/validate.ts";

function tableRoutes<T extends Listable>(cloud: Cloud, type: string, table: ListOptions<T>): Hono {
  const app = new Hono();
  const options = { ...table, sorts: { id: (item: T) => item.id, name: (item: T) => item.name ?? "" } };
  app.get("/", (context) => list(context, cloud.local.observer, options));
  app.get("/:id", (context) => {
    const id = pathId(context);
    const item = options.items.find((candidate) => candidate.id === id);
    if (item === undefined) throw notFound(type, id);
    return context.json({ [type]: options.view(item) });
  });
  return app;
}

export const locationRoutes = (cloud: Cloud): Hono =>
  tableRoutes(cloud, "location", {
    key: "locations",
    items: locations,
    view: (location) => location,
  });

export const serverTypeRoutes = (cloud: Cloud): Hono =>
  tableRoutes(cloud, "server_type", {
    key: "server_types",
    items: serverTypes.filter((entry) => !entry.hidden),
    view: (entry) => cloud.catalogue.serverTypeView(entry),
  });

export const loadBalancerTypeRoutes = (cloud: Cloud): Hono =>
  tableRoutes(cloud, "load_balancer_type", {
    key: "load_balancer_types",
    items: loadBalancerTypes,
    view: (entry) => cloud.catalogue.loadBalancerTypeView(entry),
  });

export const isoView = (id: number | null): object | null => {
  const iso = isos.find((candidate) => candidate.id === id);
  return iso === undefined ? null : { ...iso, deprecation: null };
};

export const isoRoutes = (cloud: Cloud): Hono =>
  tableRoutes(cloud, "iso", {
    key: "isos",
    items: isos,
    view: (iso) => ({ ...iso, deprecation: null }),
    filters: {
      architecture: (iso, values) => values.includes(iso.architecture),
      // Every ISO here has an architecture, so the wildcard adds nothing.
      include_architecture_wildcard: () => true,
    },
  });

function pricing(cloud: Cloud): object {
  const everywhere = <T>(of: (location: string) => T): readonly T[] => locations.map(({ name }) => of(name));
  const primaryIp = (type: string, hour: string, month: string): object => ({
    type,
    prices: everywhere((location) => ({ location, price_hourly: price(hour), price_monthly: price(month) })),
  });
  const floatingIp = (type: string, month: string): object => ({
    type,
    prices: everywhere((location) => ({ location, price_monthly: price(month) })),
  });
  return {
    currency: "EUR",
    vat_rate: vatRate,
    image: { price_per_gb_month: price(snapshotPerGbMonth) },
    floating_ip: { price_monthly: price(floatingIpMonth.ipv4) },
    floating_ips: [floatingIp("ipv4", floatingIpMonth.ipv4), floatingIp("ipv6", floatingIpMonth.ipv6)],
    primary_ips: [primaryIp("ipv4", primaryIpv4.hour, primaryIpv4.month), primaryIp("ipv6", "0", "0")],
    // Superseded by the prices per type; reports 0 since 2024-08-05.
    traffic: { price_per_tb: price("0") },
    server_backup: { percentage: backupPercentage },
    server_types: serverTypes.map((entry) => cloud.catalogue.serverTypePricing(entry)),
    load_balancer_types: loadBalancerTypes.map((entry) => cloud.catalogue.loadBalancerTypePricing(entry)),
    volume: { price_per_gb_month: price(volumePerGbMonth) },
  };
}

export function pricingRoutes(cloud: Cloud): Hono {
  const app = new Hono();
  app.get("/", (context) => {
    readQuery(context, cloud.local.observer, []);
    return context.json({ pricing: pricing(cloud) });
  });
  return app;
}

/** Removed from the API after 2026-10-01. */
export function datacenterRoutes(): Hono {
  const app = new Hono();
  const gone = (_context: Context): never => {
    throw removedEndpoint(
      "datacenters were removed, use locations and server_types[].locations",
      "https://docs.hetzner.cloud/changelog#2026-06-02-datacenters-deprecated",
    );
  };
  app.all("/", gone);
  app.all("/:id", gone);
  return app;
}
