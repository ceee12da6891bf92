import type { Hono } from "hono";
import { z } from "zod";
import { type ActionRecord, type AnyJob, defineJob, type JobCall } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { includes, parseIpv4 } from "../engine/ipv4.ts";
import { cidrOf } from "../engine/privateIps.ts";
import { invalidField, refused } from "../http/errors.ts";
import { list } from "../http/listing.ts";
import { actionRoute, find, type Kind } from "../http/routes.ts";
import { pathId } from "../http/validate.ts";
import type { NetworkRecord, Route, Subnet } from "../records.ts";
import { protectionRoute } from "./commonActions.ts";
import { checkExtension } from "./networks.ts";
import { checkRoute, newSubnet, routeSchema, subnetSchema } from "./subnets.ts";

type OnNetwork = { readonly network: number };

function edit(cloud: Cloud, id: number, change: (network: NetworkRecord) => Partial<NetworkRecord>): void {
  const network = cloud.networks.get(id);
  if (network !== undefined) cloud.networks.put({ ...network, ...change(network) });
}

const without = (routes: readonly Route[], gone: Route): readonly Route[] =>
  routes.filter((route) => route.destination !== gone.destination || route.gateway !== gone.gateway);

const addSubnet = defineJob<OnNetwork & { readonly subnet: Subnet }>("network.add_subnet", {
  sync: true,
  apply: (cloud, { network, subnet }) => edit(cloud, network, ({ subnets }) => ({ subnets: [...subnets, subnet] })),
});
const deleteSubnet = defineJob<OnNetwork & { readonly ipRange: string }>("network.delete_subnet", {
  sync: true,
  apply: (cloud, { network, ipRange }) =>
    edit(cloud, network, ({ subnets }) => ({ subnets: subnets.filter((subnet) => subnet.ipRange !== ipRange) })),
});
const addRoute = defineJob<OnNetwork & { readonly route: Route }>("network.add_route", {
  sync: true,
  apply: (cloud, { network, route }) =>
    edit(cloud, network, ({ routes }) => ({ routes: [...without(routes, route), route] })),
});
const deleteRoute = defineJob<OnNetwork & { readonly route: Route }>("network.delete_route", {
  sync: true,
  apply: (cloud, { network, route }) => edit(cloud, network, ({ routes }) => ({ routes: without(routes, route) })),
});
const changeRange = defineJob<OnNetwork & { readonly ipRange: string }>("network.change_ip_range", {
  sync: true,
  apply: (cloud, { network, ipRange }) => edit(cloud, network, () => ({ ipRange })),
});
export const networkJobs: readonly AnyJob[] = [addSubnet, deleteSubnet, addRoute, deleteRoute, changeRange];

export type NetworkMember = {
  readonly id: number;
  readonly type: "server" | "load_balancer";
  readonly ip: string;
  readonly status: string;
  readonly aliasIps: readonly string[];
  readonly subnet: string;
};

export function membersOf(cloud: Cloud, network: NetworkRecord): readonly NetworkMember[] {
  const subnetOf = (ip: string): string =>
    network.subnets.find((subnet) => includes(cidrOf(subnet.ipRange), parseIpv4(ip) ?? -1))?.ipRange ?? "";
  const servers = cloud.servers
    .all()
    .flatMap((server) =>
      server.privateNets
        .filter((net) => net.network === network.id)
        .map(({ ip, status, aliasIps }) => ({ id: server.id, type: "server" as const, ip, status, aliasIps })),
    );
  const loadBalancers = cloud.loadBalancers
    .all()
    .flatMap((loadBalancer) =>
      loadBalancer.privateNets
        .filter((net) => net.network === network.id)
        .map(({ ip }) => ({ id: loadBalancer.id, type: "load_balancer" as const, ip, status: "ok", aliasIps: [] })),
    );
  return [...servers, ...loadBalancers].map((member) => ({ ...member, subnet: subnetOf(member.ip) }));
}

/** `GET /networks/{id}/members`, since hcloud-go v2.49. */
export function membersRoute(app: Hono, cloud: Cloud, kind: Kind<NetworkRecord>): void {
  app.get("/:id/members", (context) =>
    list(context, cloud.local.observer, {
      key: "members",
      items: membersOf(cloud, find(kind.collection, kind.type, pathId(context))),
      named: false,
      sorts: { id: (member) => member.id, ip: (member) => parseIpv4(member.ip) ?? 0 },
      view: ({ aliasIps, ...member }) => ({ ...member, alias_ips: aliasIps }),
      filters: {
        type: (member, values) => values.includes(member.type),
        status: (member, values) => values.includes(member.status),
        subnet: (member, values) => values.includes(member.subnet),
      },
    }),
  );
}

export function networkActionRoutes(app: Hono, cloud: Cloud, kind: Kind<NetworkRecord>): void {
  /** Structural changes exclude one another and running attachments: 409 conflict. */
  const begin = (network: NetworkRecord, command: string, job: JobCall): ActionRecord => {
    const self = { id: network.id, type: kind.type };
    cloud.actions.assertUnchanging(self);
    return cloud.actions.begin({ command, resources: [self], changes: [self], job });
  };
  const range = z.strictObject({ ip_range: z.string() });

  actionRoute(app, cloud, kind, "add_subnet", subnetSchema, (network, body) =>
    begin(network, "add_subnet", addSubnet.call({ network: network.id, subnet: newSubnet(network, body) })),
  );
  actionRoute(app, cloud, kind, "delete_subnet", range, (network, body) => {
    const subnet = network.subnets.find((candidate) => candidate.ipRange === body.ip_range);
    if (subnet === undefined) throw invalidField("ip_range", `'${body.ip_range}' is not a subnet of this network.`);
    if (membersOf(cloud, network).some((member) => member.subnet === subnet.ipRange)) {
      throw refused("resource_in_use", `subnet '${subnet.ipRange}' still has resources attached`);
    }
    return begin(network, "delete_subnet", deleteSubnet.call({ network: network.id, ipRange: subnet.ipRange }));
  });
  actionRoute(app, cloud, kind, "add_route", routeSchema, (network, route) => {
    checkRoute(network, route);
    return begin(network, "add_route", addRoute.call({ network: network.id, route }));
  });
  actionRoute(app, cloud, kind, "delete_route", routeSchema, (network, route) => {
    if (without(network.routes, route).length === network.routes.length) {
      throw invalidField("destination", `no route to '${route.destination}' by '${route.gateway}'.`);
    }
    return begin(network, "delete_route", deleteRoute.call({ network: network.id, route }));
  });
  actionRoute(app, cloud, kind, "change_ip_range", range, (network, body) =>
    begin(
      network,
      "change_ip_range",
      changeRange.call({ network: network.id, ipRange: checkExtension(network, body.ip_range) }),
    ),
  );
  protectionRoute(app, cloud, kind);
}
