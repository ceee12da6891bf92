/** Subnets and routes of a network, as data. */
import { z } from "zod";
import { locations } from "../catalogue/locations.ts";
import { contains, firstFreeBlock, formatCidr, includes, overlap, parseCidr, parseIpv4 } from "../engine/ipv4.ts";
import { cidrOf } from "../engine/privateIps.ts";
import { invalidField } from "../http/errors.ts";
import { idSchema } from "../http/validate.ts";
import type { NetworkRecord, Route, Subnet } from "../records.ts";

const zones = [...new Set(locations.map((location) => location.network_zone))];

export const subnetSchema = z.strictObject({
  type: z.enum(["cloud", "server", "vswitch"]),
  ip_range: z.string().nullish(),
  network_zone: z.string(),
  vswitch_id: idSchema.nullish(),
  /** Part of the answer only; the official CLI sends it back all the same, and the API takes no notice. */
  gateway: z.string().nullish(),
});

export const routeSchema = z.strictObject({ destination: z.string(), gateway: z.string() });

const maxSubnets = 50;
const maxRoutes = 100;

/** The subnet a request asks for; without a range, the first free /24 of the network. */
export function newSubnet(network: NetworkRecord, wish: z.output<typeof subnetSchema>): Subnet {
  if (!zones.includes(wish.network_zone)) {
    throw invalidField("network_zone", `'${wish.network_zone}' is not one of ${zones.join(", ")}.`);
  }
  if ((wish.type === "vswitch") !== (wish.vswitch_id != null)) {
    throw invalidField("vswitch_id", "Needed for subnets of type vswitch, and only for them.");
  }
  if (network.subnets.length >= maxSubnets)
    throw invalidField("ip_range", `A network has at most ${maxSubnets} subnets.`);
  const outer = cidrOf(network.ipRange);
  const taken = network.subnets.map((subnet) => cidrOf(subnet.ipRange));
  const block =
    wish.ip_range == null || wish.ip_range === "" ? firstFreeBlock(outer, 24, taken) : parseCidr(wish.ip_range);
  if (block === undefined)
    throw invalidField("ip_range", `'${wish.ip_range ?? ""}' is not the start of an IPv4 block.`);
  const text = formatCidr(block);
  if (!contains(outer, block)) throw invalidField("ip_range", `'${text}' is not inside '${network.ipRange}'.`);
  if (block.prefix > 30) throw invalidField("ip_range", `'${text}' is smaller than /30.`);
  if (taken.some((other) => overlap(other, block))) {
    throw invalidField("ip_range", `'${text}' overlaps with another subnet.`);
  }
  return { type: wish.type, ipRange: text, networkZone: wish.network_zone, vswitchId: wish.vswitch_id ?? null };
}

/** A route's gateway is a member's address; its destination lies outside the network's own subnets. */
export function checkRoute(network: NetworkRecord, route: Route): void {
  const destination = parseCidr(route.destination);
  const gateway = parseIpv4(route.gateway);
  const outer = cidrOf(network.ipRange);
  if (destination === undefined) {
    throw invalidField("destination", `'${route.destination}' is not the start of an IPv4 block.`);
  }
  if (network.subnets.some((subnet) => overlap(cidrOf(subnet.ipRange), destination)) && destination.prefix > 0) {
    throw invalidField("destination", `'${route.destination}' overlaps with a subnet.`);
  }
  if (gateway === undefined || !includes(outer, gateway)) {
    throw invalidField("gateway", `'${route.gateway}' is not inside '${network.ipRange}'.`);
  }
  if (gateway === outer.base + 1) throw invalidField("gateway", `'${route.gateway}' is the network's own router.`);
  if (network.routes.some((other) => other.destination === route.destination)) {
    throw invalidField("destination", `'${route.destination}' has a route already.`);
  }
  if (network.routes.length >= maxRoutes)
    throw invalidField("destination", `A network has at most ${maxRoutes} routes.`);
}
