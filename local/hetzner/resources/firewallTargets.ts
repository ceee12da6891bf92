/** What a firewall is applied to, and the rules for adding to it. */
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { firewallsOf, hasPublicInterface } from "../engine/firewalling.ts";
import { invalidField, limitExceeded, refused } from "../http/errors.ts";
import { parseSelector } from "../http/selector.ts";
import { idSchema } from "../http/validate.ts";
import type { FirewallRecord, FirewallTarget } from "../records.ts";

const firewallsPerServer = 5;
const rulesPerServer = 500;

export const targetSchema = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("server"), server: z.strictObject({ id: idSchema }) }),
  z.strictObject({
    type: z.literal("label_selector"),
    label_selector: z.strictObject({ selector: z.string().min(1) }),
  }),
]);
export type TargetInput = z.output<typeof targetSchema>;

/** A rule counts once for each of its blocks. */
const effectiveRules = ({ rules }: FirewallRecord): number =>
  rules.reduce((sum, rule) => sum + rule.source_ips.length + rule.destination_ips.length, 0);

/** The limits a server sets to its firewalls; `firewall` may be on it already, with other rules. */
export function assertFirewallFits(cloud: Cloud, firewall: FirewallRecord, server: number): void {
  const others = firewallsOf(cloud, server).filter((applied) => applied.firewall.id !== firewall.id);
  if (others.length >= firewallsPerServer) throw limitExceeded("firewalls_per_server");
  const rules = others.reduce((sum, applied) => sum + effectiveRules(applied.firewall), effectiveRules(firewall));
  if (rules > rulesPerServer) throw limitExceeded("firewall_rules_per_server");
}

function addServer(cloud: Cloud, firewall: FirewallRecord, id: number): FirewallTarget {
  const server = cloud.servers.get(id);
  if (server === undefined) throw refused("firewall_resource_not_found", `server with ID '${id}' not found`);
  if (firewall.appliedTo.some((target) => target.type === "server" && target.server === id)) {
    throw refused("firewall_already_applied", `firewall ${firewall.id} is already applied to server ${id}`);
  }
  if (!hasPublicInterface(server)) {
    throw refused("private_net_only_server", `server ${id} has no public interface a firewall could filter`);
  }
  assertFirewallFits(cloud, firewall, id);
  return { type: "server", server: id, status: "pending" };
}

function addSelector(firewall: FirewallRecord, selector: string): FirewallTarget {
  if (parseSelector(selector) === undefined) {
    throw invalidField("label_selector.selector", `'${selector}' is not a label selector.`);
  }
  if (firewall.appliedTo.some((target) => target.type === "label_selector" && target.selector === selector)) {
    throw refused("firewall_already_applied", `firewall ${firewall.id} is already applied to '${selector}'`);
  }
  return { type: "label_selector", selector, servers: [], status: "pending" };
}

/** The firewall with more targets, all pending. */
export function withTargets(cloud: Cloud, firewall: FirewallRecord, wanted: readonly TargetInput[]): FirewallRecord {
  let current = firewall;
  for (const target of wanted) {
    const added =
      target.type === "server"
        ? addServer(cloud, current, target.server.id)
        : addSelector(current, target.label_selector.selector);
    current = { ...current, appliedTo: [...current.appliedTo, added] };
  }
  return current;
}

export const matchesInput = (target: FirewallTarget, input: TargetInput): boolean =>
  target.type === "server"
    ? input.type === "server" && input.server.id === target.server
    : input.type === "label_selector" && input.label_selector.selector === target.selector;

/** Removing what is not there succeeds (since 2025-08-04); a server that only a selector covers cannot be taken out. */
export function assertRemovable(cloud: Cloud, firewall: FirewallRecord, input: TargetInput): void {
  if (input.type !== "server") return;
  const { id } = input.server;
  if (cloud.servers.get(id) === undefined) {
    throw refused("firewall_resource_not_found", `server with ID '${id}' not found`);
  }
  const directly = firewall.appliedTo.some((target) => matchesInput(target, input));
  const selected = firewall.appliedTo.some((target) => target.type === "label_selector" && target.servers.includes(id));
  if (selected && !directly) {
    throw refused(
      "firewall_managed_by_label_selector",
      `firewall ${firewall.id} covers server ${id} by a label selector`,
    );
  }
}
