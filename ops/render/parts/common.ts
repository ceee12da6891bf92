import { hostFilter } from "../../../plan/host-filter.ts";
import type { Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled, script, unitFile, withoutComments } from "../assets.ts";
import { type MachineFile, type Part, part } from "../types.ts";

const libraries = "/usr/local/lib/chitlaq";

/** What every machine has: its network, its firewall, its clock, its upgrades and the tools that set it up. */
export function commonPart(plan: Plan, machine: Machine): Part {
  return part({
    packages: [
      "chrony",
      "curl",
      "jq",
      "netcat-openbsd",
      "nftables",
      "openssl",
      "prometheus-node-exporter",
      "unattended-upgrades",
    ],
    files: [
      ...machineryFiles(),
      ...networkFiles(plan, machine),
      ...systemFiles(plan, machine),
      file("/etc/nftables.conf", withoutComments(packetFilter(plan, machine), "common/nftables.conf.tmpl"), {
        mode: "0755",
        action: "nftables",
      }),
    ],
    units: [
      { when: "boot", unit: "nftables.service", refresh: "none" },
      { when: "boot", unit: "chrony.service", refresh: "none" },
      { when: "boot", unit: "prometheus-node-exporter.service", refresh: "none" },
      { when: "boot", unit: "unattended-upgrades.service", refresh: "none" },
      { when: "boot", unit: "apt-daily-upgrade.timer", refresh: "none" },
      { when: "boot", unit: "chitlaq-activate.path", refresh: "none" },
      { when: "boot", unit: "chitlaq-network-watch.service", refresh: "none" },
      { when: "boot", unit: "chitlaq-metrics.timer", refresh: "none" },
    ],
    checks: [
      { name: "packet-filter", command: "nft list table inet chitlaq" },
      { name: "node-exporter", command: `curl -fsS -o /dev/null http://${machine.privateIp}:9100/metrics` },
    ],
    directories: [
      { path: "/etc/nftables.d", mode: "0755", owner: "root", group: "root" },
      { path: "/root/.ssh", mode: "0700", owner: "root", group: "root" },
    ],
  });
}

/** The scripts that install, activate and watch, and their units. */
function machineryFiles(): readonly MachineFile[] {
  const sbin = "/usr/local/sbin";
  return [
    file(`${libraries}/lib.sh`, withoutComments(asset("common/lib.sh"), "common/lib.sh"), { stage: "early" }),
    script(`${sbin}/chitlaq-apply`, "common/apply.sh", { stage: "early" }),
    script(`${sbin}/chitlaq-converge`, "common/converge.sh", { stage: "early" }),
    script(`${sbin}/chitlaq-activate`, "common/activate.sh"),
    script(`${sbin}/chitlaq-deliver`, "common/deliver.sh"),
    script(`${sbin}/chitlaq-secrets`, "common/secrets.sh"),
    script(`${sbin}/chitlaq-health`, "common/health.sh"),
    script(`${libraries}/metrics`, "common/metrics.sh", { stage: "late" }),
    script(`${libraries}/network`, "common/network.sh", { stage: "early" }),
    unitFile("chitlaq-network.service", asset("common/chitlaq-network.service"), { stage: "early" }),
    unitFile("chitlaq-converge.service", asset("common/chitlaq-converge.service"), { stage: "early" }),
    unitFile("chitlaq-activate.service", asset("common/chitlaq-activate.service")),
    unitFile("chitlaq-activate.path", asset("common/chitlaq-activate.path")),
    unitFile("chitlaq-network-watch.service", asset("common/chitlaq-network-watch.service")),
    unitFile("chitlaq-metrics.service", asset("common/chitlaq-metrics.service")),
    unitFile("chitlaq-metrics.timer", asset("common/chitlaq-metrics.timer")),
  ];
}

function networkFiles(plan: Plan, machine: Machine): readonly MachineFile[] {
  const isPublic = machine.primaryIp !== null;
  const { nameservers, natGateways } = plan.services;
  const environment = filled("common/machine.env.tmpl", "shell", {
    machine: machine.name,
    role: machine.role,
    stack: plan.stack,
    phase: plan.phase,
    privateIp: machine.privateIp,
    public: isPublic ? "yes" : "no",
    networkRange: plan.network.ipRange,
    networkGateway: plan.network.gateway,
  });
  const sshd = filled("common/sshd.conf.tmpl", "ini", {
    tcpForwarding: natGateways.includes(machine.name) ? "local" : "no",
    listen: isPublic ? ["0.0.0.0", "::"] : [machine.privateIp],
  });
  const hosts = filled("common/hosts.tmpl", "text", {
    hostname: machine.hostname,
    machines: plan.machines.map(({ name, hostname, privateIp }) => ({ name, hostname, ip: privateIp })),
  });
  const files = [
    file("/etc/chitlaq/machine.env", environment, { stage: "early" }),
    file("/etc/ssh/sshd_config.d/10-chitlaq.conf", sshd, { action: "reload:ssh.service" }),
    file("/etc/hosts", hosts, { stage: "early" }),
    // A machine takes its keys from Hetzner at its first boot; changes of the list reach it here.
    file(
      "/root/.ssh/authorized_keys",
      filled("common/authorized_keys.tmpl", "text", { keys: plan.sshKeys.map(({ publicKey }) => publicKey) }),
      { mode: "0600" },
    ),
  ];
  if (isPublic) return files;
  const resolvers = filled("common/resolv.conf.tmpl", "text", { nameservers });
  return [...files, file("/etc/resolv.conf", resolvers, { stage: "early" })];
}

function systemFiles(plan: Plan, machine: Machine): readonly MachineFile[] {
  const exporter = "prometheus-node-exporter.service";
  return [
    file("/etc/sysctl.d/60-chitlaq.conf", asset("common/sysctl.conf"), { stage: "early", action: "sysctl" }),
    file("/etc/modules-load.d/chitlaq.conf", asset("common/modules.conf"), { stage: "early", action: "sysctl" }),
    file(
      "/etc/sysctl.d/62-chitlaq-conntrack.conf",
      filled("common/conntrack.conf.tmpl", "ini", { entries: followedConnections(machine) }),
      { stage: "early", action: "sysctl" },
    ),
    file("/etc/systemd/journald.conf.d/chitlaq.conf", asset("common/journald.conf"), {
      action: "restart:systemd-journald.service",
    }),
    file("/etc/chrony/conf.d/chitlaq.conf", asset("common/chrony.conf"), { action: "restart:chrony.service" }),
    file("/etc/apt/apt.conf.d/60chitlaq", asset("common/apt-upgrades.conf")),
    unitFile(
      "apt-daily-upgrade.timer.d/chitlaq.conf",
      filled("common/apt-upgrade-hour.conf.tmpl", "systemd", { time: upgradeTime(plan, machine) }),
    ),
    file(
      "/etc/default/prometheus-node-exporter",
      filled("common/node-exporter.env.tmpl", "ini", { privateIp: machine.privateIp }),
      { action: `restart:${exporter}` },
    ),
    unitFile(`${exporter}.d/chitlaq.conf`, asset("common/node-exporter.conf")),
  ];
}

/** From 03:00 UTC on, half an hour per machine of the plan; more than twenty machines share from the first on. */
function upgradeTime(plan: Plan, machine: Machine): string {
  const minutes = 180 + 30 * (plan.machines.findIndex(({ name }) => name === machine.name) % 20);
  return [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0")).join(":");
}

/**
 * How many connections the kernel follows. One takes about 320 bytes: 256 for its entry (/proc/slabinfo, Linux 6.18) and
 * the rest for what address translation adds. 65,536 per GiB are 2 % of the memory; with more than a million nothing is won.
 */
function followedConnections(machine: Machine): number {
  return Math.min(1_048_576, 65_536 * Math.max(1, machine.memoryGiB));
}

type Rule = { readonly sources: string; readonly port: string; readonly why: string };

/** The plan's flows towards this machine as packet filter rules, addresses of each family for themselves. */
function packetFilter(plan: Plan, machine: Machine): string {
  const { rules } = hostFilter(plan, machine.name);
  const of = (protocol: "tcp" | "udp" | "icmp", family: 4 | 6): readonly Rule[] =>
    rules
      .filter((rule) => rule.protocol === protocol)
      .map((rule) => ({
        sources: rule.sources.filter((source) => source.includes(":") === (family === 6)).join(", "),
        port: rule.port ?? "",
        why: rule.why,
      }))
      .filter((rule) => rule.sources !== "");
  return filled("common/nftables.conf.tmpl", "nftables", {
    // k3s translates addresses of connections from a machine to its own ports, which it can only where they are followed.
    unfollowed: machine.role.startsWith("k3s-") ? [] : ["lo"],
    icmp4: of("icmp", 4),
    icmp6: of("icmp", 6),
    tcp4: of("tcp", 4),
    tcp6: of("tcp", 6),
    udp4: of("udp", 4),
    podRanges: machine.role.startsWith("k3s-") && plan.services.k3s !== null ? [plan.services.k3s.clusterCidr] : [],
  });
}
