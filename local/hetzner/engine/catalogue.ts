/** What can be ordered where, at what price: the catalogue with the overrides and stock-outs in force. */
import type { Faults } from "../../shared/faults.ts";
import { type Location, type LocationName, locations } from "../catalogue/locations.ts";
import { price, trafficBytes } from "../catalogue/money.ts";
import { type LoadBalancerTypeEntry, loadBalancerTypes, trafficPerTb } from "../catalogue/products.ts";
import {
  type Offer,
  type Region,
  regions,
  retirement,
  type ServerTypeEntry,
  serverTypes,
} from "../catalogue/serverTypes.ts";
import { invalidField, invalidFields, noPlacement, refused } from "../http/errors.ts";
import type { Settings } from "./settings.ts";

const regionOf = (location: string): Region =>
  regions.eu.includes(location as LocationName) ? "eu" : regions.us.includes(location as LocationName) ? "us" : "sin";

const byIdOrName = <T extends { readonly id: number; readonly name: string }>(
  entries: readonly T[],
  wanted: number | string,
): T | undefined =>
  // Clients that keep ids as text send "23".
  entries.find((entry) => entry.id === wanted || entry.name === wanted || String(entry.id) === wanted);

export class Catalogue {
  readonly #settings: Settings;
  readonly #faults: Faults;

  constructor(settings: Settings, faults: Faults) {
    this.#settings = settings;
    this.#faults = faults;
  }

  location(name: string, field = "location"): Location {
    const found = byIdOrName(locations, name);
    if (found === undefined) throw invalidField(field, `location '${name}' not found`);
    return found;
  }

  serverType(wanted: number | string): ServerTypeEntry {
    const found = byIdOrName(serverTypes, wanted);
    if (found === undefined) throw invalidField("server_type", `server type '${wanted}' not found`);
    return found;
  }

  loadBalancerType(wanted: number | string): LoadBalancerTypeEntry {
    const found = byIdOrName(loadBalancerTypes, wanted);
    if (found === undefined) throw invalidField("load_balancer_type", `load balancer type '${wanted}' not found`);
    return found;
  }

  offer(entry: ServerTypeEntry, location: string): Offer | undefined {
    const listed = entry.offers[regionOf(location)];
    const override = this.#settings.offer(entry.name, location);
    return override === undefined ? listed : { terabytes: listed?.terabytes ?? 0, ...override };
  }

  isRetired(entry: ServerTypeEntry, location: string): boolean {
    return entry.retiredIn.includes(regionOf(location)) && this.#settings.offer(entry.name, location) === undefined;
  }

  #inStock(entry: ServerTypeEntry, location: string): boolean {
    return !this.#faults.peekCloud(
      "stock_out",
      (fault) => [entry.name, undefined].includes(fault.serverType) && [location, undefined].includes(fault.location),
    );
  }

  /** Refuses a type that is not sold in the location, retired there or out of stock. */
  assertOrderable(entry: ServerTypeEntry, location: string): void {
    if (this.offer(entry, location) === undefined) {
      const error = invalidFields([]);
      throw Object.assign(error, { message: "unsupported location for server type" });
    }
    if (this.isRetired(entry, location)) {
      throw refused("invalid_server_type", `server type '${entry.name}' is deprecated in location '${location}'`);
    }
    const fault = this.#faults.strikeCloud(
      "stock_out",
      (out) => [entry.name, undefined].includes(out.serverType) && [location, undefined].includes(out.location),
    );
    if (fault !== undefined) throw noPlacement();
  }

  #prices(entry: ServerTypeEntry): readonly object[] {
    return locations.flatMap(({ name }) => {
      const offer = this.offer(entry, name);
      if (offer === undefined) return [];
      return {
        location: name,
        price_hourly: price(offer.hour),
        price_monthly: price(offer.month),
        included_traffic: trafficBytes(offer.terabytes),
        price_per_tb_traffic: price(trafficPerTb[regionOf(name)]),
      };
    });
  }

  serverTypeView(entry: ServerTypeEntry): object {
    const sold = locations.filter(({ name }) => this.offer(entry, name) !== undefined);
    return {
      id: entry.id,
      name: entry.name,
      description: entry.description,
      category: entry.category,
      cores: entry.cores,
      memory: entry.memory,
      disk: entry.disk,
      storage_type: "local",
      cpu_type: entry.cpuType,
      architecture: entry.architecture,
      prices: this.#prices(entry),
      deprecated: false,
      deprecation: null,
      locations: sold.map(({ id, name }) => {
        const retired = this.isRetired(entry, name);
        return {
          id,
          name,
          available: !retired && this.#inStock(entry, name),
          recommended: !retired,
          deprecation: retired ? retirement : null,
        };
      }),
    };
  }

  serverTypePricing(entry: ServerTypeEntry): object {
    return { id: entry.id, name: entry.name, prices: this.#prices(entry) };
  }

  #loadBalancerPrices(entry: LoadBalancerTypeEntry): readonly object[] {
    return locations.map(({ name }) => ({
      location: name,
      price_hourly: price(entry.offer.hour),
      price_monthly: price(entry.offer.month),
      included_traffic: trafficBytes(entry.offer.terabytes),
      price_per_tb_traffic: price(trafficPerTb[regionOf(name)]),
    }));
  }

  loadBalancerTypeView(entry: LoadBalancerTypeEntry): object {
    return {
      id: entry.id,
      name: entry.name,
      description: entry.description,
      max_connections: entry.maxConnections,
      max_services: entry.maxServices,
      max_targets: entry.maxTargets,
      max_assigned_certificates: entry.maxAssignedCertificates,
      deprecated: null,
      deprecation: null,
      prices: this.#loadBalancerPrices(entry),
    };
  }

  loadBalancerTypePricing(entry: LoadBalancerTypeEntry): object {
    return { id: entry.id, name: entry.name, prices: this.#loadBalancerPrices(entry) };
  }

  includedTraffic(entry: ServerTypeEntry, location: string): number {
    return trafficBytes(this.offer(entry, location)?.terabytes ?? 0);
  }
}
