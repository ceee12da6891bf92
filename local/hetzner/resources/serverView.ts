/** A server as the API shows it. `datacenter` is gone since 2026-07-01. */
import type { Cloud } from "../engine/cloud.ts";
import { firewallsOf } from "../engine/firewalling.ts";
import { loadBalancersOf } from "../engine/targets.ts";
import { pointerList } from "../http/routes.ts";
import type { ServerRecord } from "../records.ts";
import { isoView } from "./catalogueReads.ts";
import { ipv4Pointer } from "./commonActions.ts";
import { imageById, imageView } from "./images.ts";
import { placementGroupView } from "./placementGroups.ts";

function publicNet(cloud: Cloud, server: ServerRecord): object {
  const ipv4 = server.primaryIpv4 === null ? undefined : cloud.primaryIps.get(server.primaryIpv4);
  const ipv6 = server.primaryIpv6 === null ? undefined : cloud.primaryIps.get(server.primaryIpv6);
  return {
    ipv4:
      ipv4 === undefined
        ? null
        : { id: ipv4.id, ip: ipv4.ip, blocked: false, dns_ptr: ipv4Pointer(ipv4.ip, ipv4.dnsPtr) },
    ipv6: ipv6 === undefined ? null : { id: ipv6.id, ip: ipv6.ip, blocked: false, dns_ptr: pointerList(ipv6.dnsPtr) },
    floating_ips: cloud.floatingIps.where("server", server.id).map((address) => address.id),
    firewalls: firewallsOf(cloud, server.id).map(({ firewall, status }) => ({ id: firewall.id, status })),
  };
}

export function serverView(cloud: Cloud, server: ServerRecord): object {
  const type = cloud.catalogue.serverType(server.serverType);
  const image = server.image === null ? undefined : imageById(cloud, server.image);
  const group = server.placementGroup === null ? undefined : cloud.placementGroups.get(server.placementGroup);
  return {
    id: server.id,
    name: server.name,
    status: server.status,
    created: server.created,
    public_net: publicNet(cloud, server),
    private_net: server.privateNets
      .filter((net) => net.status !== "attaching")
      .map((net) => ({ network: net.network, ip: net.ip, alias_ips: net.aliasIps, mac_address: net.macAddress })),
    server_type: cloud.catalogue.serverTypeView(type),
    location: cloud.catalogue.location(server.location),
    image: image === undefined ? null : imageView(image),
    iso: isoView(server.iso),
    rescue_enabled: server.rescueEnabled,
    locked: cloud.actions.isLocked({ id: server.id, type: "server" }),
    backup_window: server.backupWindow,
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic: cloud.catalogue.includedTraffic(type, server.location),
    protection: server.protection,
    labels: server.labels,
    volumes: cloud.volumes.where("server", server.id).map((volume) => volume.id),
    load_balancers: loadBalancersOf(cloud, server.id).map((loadBalancer) => loadBalancer.id),
    primary_disk_size: server.primaryDiskSize,
    placement_group: group === undefined ? null : placementGroupView(cloud, group),
  };
}
