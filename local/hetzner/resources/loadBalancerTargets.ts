/** Targets of a load balancer: what may be one. */
import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, limitExceeded, notFound, refused } from "../http/errors.ts";
import { parseSelector } from "../http/selector.ts";
import { idSchema } from "../http/validate.ts";
import type { LoadBalancerRecord, LoadBalancerTargetRecord } from "../records.ts";
import { isPublicIpTaken } from "./primaryIpRecords.ts";

const server = z.strictObject({ id: idSchema });
const labelSelector = z.strictObject({ selector: z.string().min(1) });
const ip = z.strictObject({ ip: z.string() });
const usePrivateIp = z.boolean().nullish();

export const targetSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("server"), server, use_private_ip: usePrivateIp }),
  z.strictObject({ type: z.literal("label_selector"), label_selector: labelSelector, use_private_ip: usePrivateIp }),
  z.strictObject({ type: z.literal("ip"), ip, use_private_ip: z.literal(false).nullish() }),
]);
export const targetRemovalSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("server"), server }),
  z.strictObject({ type: z.literal("label_selector"), label_selector: labelSelector }),
  z.strictObject({ type: z.literal("ip"), ip }),
]);
type TargetInput = z.output<typeof targetSchema>;
type RemovalInput = z.output<typeof targetRemovalSchema>;

export const isSameTarget = (target: LoadBalancerTargetRecord, input: TargetInput | RemovalInput): boolean =>
  (target.type === "server" && input.type === "server" && target.server === input.server.id) ||
  (target.type === "label_selector" &&
    input.type === "label_selector" &&
    target.selector === input.label_selector.selector) ||
  (target.type === "ip" && input.type === "ip" && target.ip === input.ip.ip);

function assertServerReachable(cloud: Cloud, loadBalancer: LoadBalancerRecord, id: number, privately: boolean): void {
  const found = cloud.servers.get(id);
  if (found === undefined) throw notFound("server", id);
  if (!privately) {
    if (found.primaryIpv4 === null) throw refused("missing_ipv4", `server ${id} has no public IPv4 address`);
    return;
  }
  const shared = found.privateNets.some((net) =>
    loadBalancer.privateNets.some((attached) => attached.network === net.network),
  );
  if (!shared) {
    throw refused("server_not_attached_to_network", `server ${id} is not attached to the load balancer's network`);
  }
}

function assertForeignIp(cloud: Cloud, text: string): void {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text)) throw invalidField("ip.ip", `'${text}' is not an IPv4 address.`);
  if (isPublicIpTaken(cloud, text)) {
    throw refused("cloud_resource_ip_not_allowed", `'${text}' belongs to a cloud resource, use a server target`);
  }
}

/** The record of a new target after every rule for it held. */
export function newTarget(
  cloud: Cloud,
  loadBalancer: LoadBalancerRecord,
  input: TargetInput,
): LoadBalancerTargetRecord {
  if (loadBalancer.targets.some((target) => isSameTarget(target, input))) {
    throw refused("target_already_defined", "the load balancer target is already defined");
  }
  const type = cloud.catalogue.loadBalancerType(loadBalancer.loadBalancerType);
  if (loadBalancer.targets.length >= type.maxTargets) throw limitExceeded("load_balancer_targets");
  const since = cloud.clock.now();
  if (input.type === "ip") {
    assertForeignIp(cloud, input.ip.ip);
    return { type: "ip", ip: input.ip.ip, usePrivateIp: false, since };
  }
  const privately = input.use_private_ip ?? false;
  if (privately && loadBalancer.privateNets.length === 0) {
    throw refused("load_balancer_not_attached_to_network", "the load balancer is not attached to a network");
  }
  if (input.type === "server") {
    assertServerReachable(cloud, loadBalancer, input.server.id, privately);
    return { type: "server", server: input.server.id, usePrivateIp: privately, since };
  }
  const { selector } = input.label_selector;
  if (parseSelector(selector) === undefined) {
    throw invalidField("label_selector.selector", `'${selector}' is not a label selector.`);
  }
  return { type: "label_selector", selector, usePrivateIp: privately, since };
}
