/** Private networks of a server: attach, detach, alias addresses. */
import type { Hono } from "hono";
import { z } from "zod";
import { nextMac } from "../engine/addresses.ts";
import type { ActionRecord, JobCall } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { overlap } from "../engine/ipv4.ts";
import { checkAliases, chooseAddress, cidrOf } from "../engine/privateIps.ts";
import { invalidField, limitExceeded, refused } from "../http/errors.ts";
import { actionRoute, find, type Kind } from "../http/routes.ts";
import { idSchema } from "../http/validate.ts";
import type { NetworkRecord, PrivateNet, ServerRecord } from "../records.ts";
import { attachNetwork, detachNetwork, editNet, settleNetwork } from "./serverJobs.ts";

const networksPerServer = 3;
const aliasesPerNetwork = 5;

/** A network joins only when it is at rest and meets none of the server's others. */
export function assertNetworkFits(cloud: Cloud, network: NetworkRecord, others: readonly NetworkRecord[]): void {
  if (cloud.actions.runningOn({ id: network.id, type: "network" }).some((id) => isStructural(cloud, id))) {
    cloud.actions.assertUnchanging({ id: network.id, type: "network" });
  }
  if (others.some((other) => overlap(cidrOf(other.ipRange), cidrOf(network.ipRange)))) {
    throw refused("networks_overlap", `the range of network ${network.id} overlaps with another network of the server`);
  }
}

/** Attachments run side by side; only a change of the network itself stands in their way. */
function isStructural(cloud: Cloud, action: number): boolean {
  const resources = cloud.actions.records.get(action)?.resources ?? [];
  return resources.every((resource) => resource.type === "network");
}

function attachmentOf(server: ServerRecord, network: number): PrivateNet {
  const net = server.privateNets.find((candidate) => candidate.network === network);
  if (net === undefined) throw invalidField("network", `the server is not attached to network ${network}`);
  return net;
}

function begin(cloud: Cloud, server: ServerRecord, network: number, command: string, job: JobCall): ActionRecord {
  const self = { id: server.id, type: "server" };
  const net = { id: network, type: "network" };
  return cloud.actions.begin({ command, resources: [self, net], locks: [self], changes: [net], job });
}

const attachSchema = z.strictObject({
  network: idSchema,
  ip: z.string().nullish(),
  alias_ips: z.array(z.string()).nullish(),
  ip_range: z.string().nullish(),
});

function attach(cloud: Cloud, server: ServerRecord, body: z.output<typeof attachSchema>): ActionRecord {
  const network = find(cloud.networks, "network", body.network);
  if (server.privateNets.some((net) => net.network === network.id)) {
    throw refused("server_already_attached", `server ${server.id} is already attached to network ${network.id}`);
  }
  if (server.privateNets.length >= networksPerServer) throw limitExceeded("networks_per_server");
  const others = server.privateNets.flatMap((net) => cloud.networks.get(net.network) ?? []);
  assertNetworkFits(cloud, network, others);
  const zone = cloud.catalogue.location(server.location).network_zone;
  const ip = chooseAddress(cloud, network, zone, { ip: body.ip, ipRange: body.ip_range });
  const aliasIps = body.alias_ips ?? [];
  checkAliasCount(aliasIps);
  checkAliases(cloud, network, zone, aliasIps, []);
  const macAddress = nextMac(cloud.store, "private");
  const net: PrivateNet = { network: network.id, ip, aliasIps, macAddress, status: "attaching" };
  cloud.servers.put({ ...server, privateNets: [...server.privateNets, net] });
  const job = attachNetwork.call({ server: server.id, network: network.id });
  return begin(cloud, server, network.id, "attach_to_network", job);
}

function checkAliasCount(aliases: readonly string[]): void {
  if (aliases.length > aliasesPerNetwork) {
    throw invalidField("alias_ips", `A server has at most ${aliasesPerNetwork} alias IPs per network.`);
  }
}

export function serverNetworkRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  const unlocked = (server: ServerRecord): void => cloud.actions.assertUnlocked({ id: server.id, type: kind.type });

  actionRoute(app, cloud, kind, "attach_to_network", attachSchema, (server, body) => {
    unlocked(server);
    return attach(cloud, server, body);
  });
  actionRoute(app, cloud, kind, "detach_from_network", z.strictObject({ network: idSchema }), (server, body) => {
    unlocked(server);
    const net = attachmentOf(server, body.network);
    editNet(cloud, server.id, net.network, { status: "detaching" });
    const job = detachNetwork.call({ server: server.id, network: net.network });
    return begin(cloud, server, net.network, "detach_from_network", job);
  });
  const aliasSchema = z.strictObject({ network: idSchema, alias_ips: z.array(z.string()) });
  actionRoute(app, cloud, kind, "change_alias_ips", aliasSchema, (server, body) => {
    unlocked(server);
    const net = attachmentOf(server, body.network);
    const zone = cloud.catalogue.location(server.location).network_zone;
    checkAliasCount(body.alias_ips);
    checkAliases(cloud, find(cloud.networks, "network", net.network), zone, body.alias_ips, net.aliasIps);
    editNet(cloud, server.id, net.network, { aliasIps: body.alias_ips, status: "updating" });
    const job = settleNetwork.call({ server: server.id, network: net.network });
    return begin(cloud, server, net.network, "change_alias_ips", job);
  });
}
