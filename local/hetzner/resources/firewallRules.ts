/** Firewall rules: what the API takes. */
import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { FirewallRuleRecord } from "../records.ts";

export const maxRules = 50;

/** A block must be given by its first address: `10.0.0.1/24` is refused, `10.0.0.0/24` taken. */
function cidrFault(text: string): string | undefined {
  if (!ipaddr.isValidCIDR(text)) return `'${text}' is not a CIDR block.`;
  const [address] = ipaddr.parseCIDR(text);
  const start =
    address.kind() === "ipv4"
      ? ipaddr.IPv4.networkAddressFromCIDR(text).toString()
      : ipaddr.IPv6.networkAddressFromCIDR(text).toString();
  return start === address.toString() ? undefined : `'${text}' is not the start of the block ${start}.`;
}

const cidr = z.string().superRefine((text, context) => {
  const fault = cidrFault(text);
  if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
});

function portFault(port: string): string | undefined {
  if (port === "any") return undefined;
  const [from = "", to = from, ...more] = port.split("-");
  const valid = [from, to].every((text) => /^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65_535);
  return valid && more.length === 0 && Number(from) <= Number(to)
    ? undefined
    : `'${port}' is not a port or port range.`;
}

const blocks = z.array(cidr).max(100, "A rule has at most 100 blocks.");

export const ruleSchema = z
  .strictObject({
    direction: z.enum(["in", "out"]),
    protocol: z.enum(["tcp", "udp", "icmp", "esp", "gre"]),
    port: z.string().nullish(),
    source_ips: blocks.nullish(),
    destination_ips: blocks.nullish(),
    description: z.string().max(255).nullish(),
  })
  .superRefine((rule, context) => {
    const fault = (field: string, message: string): void =>
      context.addIssue({ code: "custom", path: [field], message });
    const withPorts = rule.protocol === "tcp" || rule.protocol === "udp";
    if (withPorts && rule.port == null) fault("port", `Needed for ${rule.protocol}.`);
    if (!withPorts && rule.port != null) fault("port", `Not allowed for ${rule.protocol}.`);
    if (withPorts && rule.port != null) {
      const wrong = portFault(rule.port);
      if (wrong !== undefined) fault("port", wrong);
    }
    const [needed, other] =
      rule.direction === "in"
        ? (["source_ips", "destination_ips"] as const)
        : (["destination_ips", "source_ips"] as const);
    if ((rule[needed] ?? []).length === 0) fault(needed, `Needed for direction ${rule.direction}.`);
    if ((rule[other] ?? []).length > 0) fault(other, `Not allowed for direction ${rule.direction}.`);
  });

export const rulesSchema = z.array(ruleSchema).max(maxRules, `A firewall has at most ${maxRules} rules.`);

export const ruleRecord = (rule: z.output<typeof ruleSchema>): FirewallRuleRecord => ({
  direction: rule.direction,
  protocol: rule.protocol,
  port: rule.port ?? null,
  source_ips: rule.source_ips ?? [],
  destination_ips: rule.destination_ips ?? [],
  description: rule.description ?? null,
});
