import { hostFilter } from "../../../plan/host-filter.ts";
import type { Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled } from "../assets.ts";
import { type Part, part } from "../types.ts";

/** Address translation for the machines without a public address. */
export function gatewayPart(plan: Plan, machine: Machine): Part | null {
  const range = hostFilter(plan, machine.name).forwardFrom;
  if (range === null) return null;
  return part({
    files: [
      file("/etc/sysctl.d/61-chitlaq-gateway.conf", asset("gateway/sysctl.conf"), { action: "sysctl" }),
      file("/etc/nftables.d/nat.nft", filled("gateway/nat.nft.tmpl", "nftables", { range }), { action: "nftables" }),
    ],
    checks: [
      { name: "address-translation", command: "nft list table ip chitlaq_nat" },
      { name: "forwarding", command: "grep -qx 1 /proc/sys/net/ipv4/ip_forward" },
    ],
  });
}
