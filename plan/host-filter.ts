import { publicSources } from "./firewalls.ts";
import type { Flow, Machine, Plan } from "./types.ts";

export type HostFilterRule = {
  readonly side: "public" | "private";
  readonly protocol: "tcp" | "udp" | "icmp";
  /** Null for icmp. */
  readonly port: string | null;
  /** Sorted addresses and ranges. */
  readonly sources: readonly string[];
  readonly why: string;
};

/** What a machine's own packet filter lets in; everything else is dropped. */
export type HostFilter = {
  readonly machine: string;
  readonly rules: readonly HostFilterRule[];
  /** Range whose outgoing traffic the machine forwards and translates; null when it is no NAT gateway. */
  readonly forwardFrom: string | null;
};

/** The packet filter of one machine, from the same flows as Hetzner's firewalls. Throws for an unknown machine. */
export function hostFilter(plan: Plan, machineName: string): HostFilter {
  const machine = plan.machines.find((candidate) => candidate.name === machineName);
  if (machine === undefined) throw new Error(`${machineName}: no such machine in stack ${plan.stack}`);
  const merged = new Map<string, HostFilterRule>();
  for (const flow of plan.flows) {
    if (!reaches(flow, machine)) continue;
    const rule = ruleOf(plan, machine, flow);
    if (rule.sources.length === 0) continue;
    const key = `${rule.side} ${rule.protocol} ${rule.port} ${rule.why}`;
    const sources = [...new Set([...(merged.get(key)?.sources ?? []), ...rule.sources])];
    merged.set(key, { ...rule, sources });
  }
  return {
    machine: machine.name,
    rules: [...merged.values()],
    forwardFrom: plan.services.natGateways.includes(machine.name) ? plan.network.ipRange : null,
  };
}

function reaches(flow: Flow, machine: Machine): boolean {
  return flow.to === machine.role && (flow.toMachines?.includes(machine.name) ?? true);
}

function ruleOf(plan: Plan, machine: Machine, flow: Flow): HostFilterRule {
  const { protocol, port, why, from } = flow;
  if (from.kind !== "role") {
    return { side: "public", protocol, port, why, sources: publicSources(from, plan.adminRanges) };
  }
  const sources = plan.machines
    .filter((peer) => peer.role === from.role && peer.name !== machine.name)
    .map((peer) => peer.privateIp);
  return { side: "private", protocol, port, why, sources };
}
