import type { Hono } from "hono";
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { contains, formatIpv4, isPrivate, parseCidr } from "../engine/ipv4.ts";
import { cidrOf, releaseAddress } from "../engine/privateIps.ts";
import { invalidField, protectedFrom } from "../http/errors.ts";
import { assertLimit, assertUniqueName, find, type Kind, namedSorts, readRoutes, renamed } from "../http/routes.ts";
import { labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { NetworkRecord, Subnet } from "../records.ts";
import { membersRoute, networkActionRoutes } from "./networkActions.ts";
import { checkRoute, newSubnet, routeSchema, subnetSchema } from "./subnets.ts";

const createSchema = z.strictObject({
  name: nameSchema,
  ip_range: z.string(),
  subnets: z.array(subnetSchema).nullish(),
  routes: z.array(routeSchema).nullish(),
  labels: labelsSchema.nullish(),
  expose_routes_to_vswitch: z.boolean().nullish(),
});

const subnetView = (network: NetworkRecord, subnet: Subnet): object => ({
  type: subnet.type,
  ip_range: subnet.ipRange,
  network_zone: subnet.networkZone,
  // The router is the first address of the whole network, whatever the subnet.
  gateway: formatIpv4(cidrOf(network.ipRange).base + 1),
  vswitch_id: subnet.vswitchId,
});

export const networkView = (cloud: Cloud, network: NetworkRecord): object => ({
  id: network.id,
  name: network.name,
  ip_range: network.ipRange,
  subnets: network.subnets.map((subnet) => subnetView(network, subnet)),
  routes: network.routes,
  servers: cloud.servers
    .all()
    .filter((server) => server.privateNets.some((net) => net.network === network.id && net.status !== "attaching"))
    .map((server) => server.id),
  load_balancers: cloud.loadBalancers
    .all()
    .filter((loadBalancer) => loadBalancer.privateNets.some((net) => net.network === network.id))
    .map((loadBalancer) => loadBalancer.id),
  protection: network.protection,
  labels: network.labels,
  created: network.created,
  expose_routes_to_vswitch: network.exposeRoutesToVswitch,
});

/** A network's range: RFC 1918, at most /24 so that one subnet fits. */
export function checkNetworkRange(text: string): string {
  const range = parseCidr(text);
  if (range === undefined) throw invalidField("ip_range", `'${text}' is not the start of an IPv4 block.`);
  if (!isPrivate(range)) throw invalidField("ip_range", `'${text}' is not inside a private range (RFC 1918).`);
  if (range.prefix > 24) throw invalidField("ip_range", `'${text}' is smaller than /24.`);
  return text;
}

/** Members of a deleted network are detached with it. */
function detachMembers(cloud: Cloud, network: number): void {
  for (const server of cloud.servers.all()) {
    if (!server.privateNets.some((net) => net.network === network)) continue;
    for (const net of server.privateNets) if (net.network === network) releaseAddress(cloud, network, net.ip);
    cloud.servers.put({ ...server, privateNets: server.privateNets.filter((net) => net.network !== network) });
  }
  for (const loadBalancer of cloud.loadBalancers.all()) {
    const privateNets = loadBalancer.privateNets.filter((net) => net.network !== network);
    if (privateNets.length === loadBalancer.privateNets.length) continue;
    // Targets reached over the network go with it (terraform-provider-hcloud, load balancer target resource).
    const targets = loadBalancer.targets.filter((target) => !target.usePrivateIp);
    cloud.loadBalancers.put({ ...loadBalancer, privateNets, targets });
  }
}

export function networkRoutes(cloud: Cloud): Hono {
  const { networks } = cloud;
  const view = (network: NetworkRecord): object => networkView(cloud, network);
  const kind: Kind<NetworkRecord> = {
    type: "network",
    key: "networks",
    collection: networks,
    view,
    labelled: true,
    sorts: namedSorts,
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const network = cloud.change(() => {
      assertUniqueName(networks, kind.type, body.name);
      assertLimit(cloud, "networks", networks.size);
      let record: NetworkRecord = {
        id: cloud.store.nextId("network", 11_000_001),
        name: body.name,
        labels: body.labels ?? {},
        created: cloud.clock.stamp(),
        ipRange: checkNetworkRange(body.ip_range),
        subnets: [],
        routes: [],
        protection: { delete: false },
        exposeRoutesToVswitch: body.expose_routes_to_vswitch ?? false,
      };
      for (const subnet of body.subnets ?? []) {
        record = { ...record, subnets: [...record.subnets, newSubnet(record, subnet)] };
      }
      for (const route of body.routes ?? []) {
        checkRoute(record, route);
        record = { ...record, routes: [...record.routes, route] };
      }
      return networks.put(record);
    });
    cloud.network.syncSoon();
    return context.json({ network: view(network) }, 201);
  });
  app.put("/:id", async (context) => {
    const schema = updateSchema.extend({ expose_routes_to_vswitch: z.boolean().nullish() });
    const body = await readBody(context, cloud.local.observer, schema);
    const network = cloud.change(() => {
      const old = find(networks, kind.type, pathId(context));
      const next = renamed(networks, kind.type, old, body);
      return networks.put({
        ...next,
        exposeRoutesToVswitch: body.expose_routes_to_vswitch ?? next.exposeRoutesToVswitch,
      });
    });
    return context.json({ network: view(network) });
  });
  app.delete("/:id", (context) => {
    const network = find(networks, kind.type, pathId(context));
    if (network.protection.delete) throw protectedFrom(kind.type, "deletion");
    cloud.actions.assertUnchanging({ id: network.id, type: kind.type });
    cloud.change(() => {
      detachMembers(cloud, network.id);
      networks.delete(network.id);
    });
    cloud.network.syncSoon();
    return context.body(null, 204);
  });
  membersRoute(app, cloud, kind);
  networkActionRoutes(app, cloud, kind);
  return app;
}

/** The range a network may be changed to: it must hold the present one. */
export function checkExtension(network: NetworkRecord, text: string): string {
  const wider = checkNetworkRange(text);
  if (!contains(cidrOf(wider), cidrOf(network.ipRange))) {
    throw invalidField("ip_range", `'${text}' does not contain the current range '${network.ipRange}'.`);
  }
  return wider;
}
