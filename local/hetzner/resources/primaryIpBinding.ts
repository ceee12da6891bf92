/** Giving primary IPs to servers that exist, and taking them back: only while the server is off. */
import type { Cloud } from "../engine/cloud.ts";
import { type ActionRecord, type AnyJob, defineJob } from "../engine/jobs.ts";
import { refused } from "../http/errors.ts";
import { find } from "../http/routes.ts";
import type { PrimaryIpRecord, ServerRecord } from "../records.ts";

const slotOf = (type: "ipv4" | "ipv6"): "primaryIpv4" | "primaryIpv6" =>
  type === "ipv4" ? "primaryIpv4" : "primaryIpv6";

type Binding = { readonly address: number; readonly server: number };

const assignIp = defineJob<Binding>("primary_ip.assign", {
  sync: true,
  apply: (cloud, { address: id, server: serverId }) => {
    const address = cloud.primaryIps.get(id);
    const server = cloud.servers.get(serverId);
    if (address === undefined || server === undefined) return;
    cloud.primaryIps.put({ ...address, assignee: serverId });
    cloud.servers.put({ ...server, [slotOf(address.type)]: id });
    cloud.selectors.touch();
  },
});

const unassignIp = defineJob<Binding>("primary_ip.unassign", {
  sync: true,
  apply: (cloud, { address: id, server: serverId }) => {
    const address = cloud.primaryIps.get(id);
    const server = cloud.servers.get(serverId);
    if (address !== undefined) cloud.primaryIps.put({ ...address, assignee: null });
    if (address !== undefined && server !== undefined) {
      cloud.servers.put({ ...server, [slotOf(address.type)]: null });
    }
    cloud.selectors.touch();
  },
});

export const primaryIpJobs: readonly AnyJob[] = [assignIp, unassignIp];

function assertStopped(cloud: Cloud, server: ServerRecord): void {
  cloud.actions.assertUnlocked({ id: server.id, type: "server" });
  if (server.status !== "off") throw refused("server_not_stopped", "server must be powered off");
}

/** The rules for giving an address to a server that exists. */
function assertAssignable(address: PrimaryIpRecord, server: ServerRecord): void {
  if (address.assignee !== null) {
    throw refused("primary_ip_already_assigned", `primary ip ${address.id} is assigned to server ${address.assignee}`);
  }
  if (address.location !== server.location) {
    throw refused(
      "primary_ip_datacenter_mismatch",
      `primary ip is in ${address.location}, server in ${server.location}`,
    );
  }
  if (server[slotOf(address.type)] !== null) {
    throw refused(`server_has_${address.type}`, `server already has a primary ${address.type}`);
  }
}

export function beginAssign(cloud: Cloud, address: PrimaryIpRecord, server: ServerRecord): ActionRecord {
  assertStopped(cloud, server);
  assertAssignable(address, server);
  const resources = [
    { id: address.id, type: "primary_ip" },
    { id: server.id, type: "server" },
  ];
  return cloud.actions.begin({
    command: "assign_primary_ip",
    resources,
    locks: resources,
    job: assignIp.call({ address: address.id, server: server.id }),
  });
}

function isPublicTarget(cloud: Cloud, server: number): boolean {
  return cloud.loadBalancers
    .all()
    .some(({ targets }) => targets.some((t) => t.type === "server" && t.server === server && !t.usePrivateIp));
}

export function beginUnassign(cloud: Cloud, address: PrimaryIpRecord): ActionRecord {
  if (address.assignee === null) throw refused("primary_ip_not_assigned", `primary ip ${address.id} is not assigned`);
  const server = find(cloud.servers, "server", address.assignee);
  assertStopped(cloud, server);
  if (address.type === "ipv4" && isPublicTarget(cloud, server.id)) {
    throw refused("server_is_load_balancer_target", "the server's IPv4 address is a load balancer target");
  }
  const resources = [
    { id: address.id, type: "primary_ip" },
    { id: server.id, type: "server" },
  ];
  return cloud.actions.begin({
    command: "unassign_primary_ip",
    resources,
    locks: resources,
    job: unassignIp.call({ address: address.id, server: server.id }),
  });
}
