import { parse } from "yaml";
import type { K3sService, Machine, Plan } from "../../../plan/types.ts";
import { asset, file, filled, filledYaml, script, unitFile } from "../assets.ts";
import { type MachineFile, type Part, part } from "../types.ts";
import { objectStorageKeys, shared } from "./secrets.ts";

const tokenLength = 48;
const agentToken = shared("k3s-agent-token", "lets agents join the cluster", { kind: "token", length: tokenLength });
const serverToken = shared(
  "k3s-server-token",
  "lets servers join the cluster and opens its snapshots; without it they cannot be restored",
  { kind: "token", length: tokenLength },
);

/** A k3s server or agent; null on machines of other roles. */
export function k3sPart(plan: Plan, machine: Machine): Part | null {
  const { k3s } = plan.services;
  const isServer = machine.role === "k3s-server";
  if (k3s === null || (!isServer && machine.role !== "k3s-agent")) return null;
  const kind = isServer ? "server" : "agent";
  const unit = isServer ? "k3s.service" : "k3s-agent.service";
  return part({
    packages: ["apparmor"],
    files: [
      file("/etc/sysctl.d/61-chitlaq-k3s.conf", asset("k3s/sysctl.conf"), { action: "sysctl" }),
      file("/etc/modules-load.d/chitlaq-k3s.conf", asset("k3s/modules.conf")),
      file("/etc/chitlaq/k3s.env", environment(k3s, machine, kind)),
      script("/usr/local/lib/chitlaq/activate.d/50-k3s", "k3s/activate.sh"),
      unitFile(unit, filled("k3s/k3s.service.tmpl", "systemd", { kind })),
      ...(isServer ? serverFiles(plan, k3s, machine) : [agentFile(k3s, machine)]),
    ],
    units: [{ when: "secrets", unit, refresh: "none" }],
    secrets: [agentToken, ...(isServer ? [serverToken, ...objectStorageKeys] : [])],
    checks: [
      isServer
        ? { name: "k3s", command: "k3s kubectl get --raw /readyz" }
        : { name: "k3s", command: "curl -fsS -o /dev/null http://127.0.0.1:10248/healthz" },
    ],
    directories: [{ path: "/etc/rancher/k3s/config.yaml.d", mode: "0700", owner: "root", group: "root" }],
  });
}

function environment(k3s: K3sService, machine: Machine, kind: string): string {
  const first = k3s.firstServer === machine.name;
  // The first server stands first: who finds nobody running waits for it.
  const others = k3s.servers
    .filter((server) => server.machine !== machine.name)
    .toSorted((a, b) => Number(b.machine === k3s.firstServer) - Number(a.machine === k3s.firstServer));
  return filled("k3s/k3s.env.tmpl", "shell", {
    version: k3s.version,
    kind,
    ip: machine.privateIp,
    others: kind === "server" ? others.map(({ ip }) => ip).join(" ") : "",
    first: first ? "yes" : "no",
  });
}

const kubeletArguments = (): readonly string[] => parse(asset("k3s/kubelet.yaml")) as readonly string[];

function serverFiles(plan: Plan, k3s: K3sService, machine: Machine): readonly MachineFile[] {
  const { backup } = plan.services;
  const configuration = filledYaml("k3s/config-server.yaml", {
    name: machine.name,
    ip: machine.privateIp,
    names: k3s.servers.flatMap(({ machine: name, ip }) => [name, ip]),
    clusterCidr: k3s.clusterCidr,
    serviceCidr: k3s.serviceCidr,
    snapshotSchedule: k3s.etcdSnapshot.schedule,
    snapshotRetention: k3s.etcdSnapshot.retention,
    s3Endpoint: backup.endpoint,
    s3Region: backup.region,
    s3Bucket: backup.bucket,
    s3Folder: `${plan.stack}/k3s`,
    kubelet: kubeletArguments(),
  });
  const loadBalancers = plan.machines.filter(({ role }) => role === "load-balancer");
  const values = filledYaml("k3s/traefik-values.yaml", {
    nodePort: k3s.ingressNodePort,
    loadBalancers: loadBalancers.map(({ privateIp }) => `${privateIp}/32`),
  });
  const closed = { mode: "0600" } as const;
  return [
    file("/etc/rancher/k3s/config.yaml", configuration, closed),
    file("/etc/rancher/k3s/admission.yaml", asset("k3s/admission.yaml"), closed),
    file("/etc/rancher/k3s/audit.yaml", asset("k3s/audit.yaml"), closed),
    file(
      "/var/lib/rancher/k3s/server/manifests/chitlaq-traefik.yaml",
      filledYaml("k3s/traefik.yaml", { values }),
      closed,
    ),
  ];
}

function agentFile(k3s: K3sService, machine: Machine): MachineFile {
  const first = k3s.servers.find((server) => server.machine === k3s.firstServer);
  if (first === undefined) throw new Error(`${k3s.firstServer} is not among the k3s servers`);
  const configuration = filledYaml("k3s/config-agent.yaml", {
    server: `https://${first.ip}:6443`,
    name: machine.name,
    ip: machine.privateIp,
    kubelet: kubeletArguments(),
  });
  return file("/etc/rancher/k3s/config.yaml", configuration, { mode: "0600" });
}
