import { cloudflareRanges } from "./cloudflare-ranges.ts";
import { providerName } from "./names.ts";
import type { FirewallPlan, FirewallRulePlan, Flow, Labels, Machine, Peer } from "./types.ts";

/** Rules one Hetzner firewall may hold (docs.hetzner.com/cloud/firewalls). */
export const firewallRuleLimit = 50;

/** One firewall per role with a public door, holding the flows that enter through it. */
export function buildFirewalls(
  stack: string,
  machines: readonly Machine[],
  flows: readonly Flow[],
  adminRanges: readonly string[],
  labels: Labels,
): readonly FirewallPlan[] {
  const roles = [...new Set(machines.filter((machine) => machine.firewall !== null).map((machine) => machine.role))];
  return roles.map((role) => ({
    name: role,
    providerName: providerName(stack, role),
    role,
    rules: flows.flatMap((flow) => (flow.to === role ? publicRule(flow, adminRanges) : [])),
    labels: { ...labels, role },
  }));
}

/** A public flow as a rule; flows between machines are private and filtered on the machines. */
function publicRule(flow: Flow, adminRanges: readonly string[]): readonly FirewallRulePlan[] {
  if (flow.from.kind === "role") return [];
  const sourceIps = publicSources(flow.from, adminRanges);
  return [{ description: flow.why, protocol: flow.protocol, port: flow.port, sourceIps }];
}

/** Address ranges a peer outside the stack may come from. */
export function publicSources(
  peer: Exclude<Peer, { readonly kind: "role" }>,
  adminRanges: readonly string[],
): readonly string[] {
  switch (peer.kind) {
    case "internet":
      return ["0.0.0.0/0", "::/0"];
    case "cloudflare":
      return cloudflareRanges.ranges;
    case "admin":
      return adminRanges;
  }
}
