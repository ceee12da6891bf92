import { objectStorageLocations, type PlatformConfig } from "../config/schema.ts";
import { backupTargets, limits, microservices } from "./capacity.ts";
import { addressOf, buildDatabase, buildRedis, ofRole } from "./data-services.ts";
import { fqdnOf, requestsPerSecondPerClient } from "./edge.ts";
import { ports } from "./ports.ts";
import { memoryBudget } from "./tuning.ts";
import type { AppService, BackupService, K3sService, LoadBalancerService, Machine, Services } from "./types.ts";

/** Newest patch of the line that Hetzner's cloud controller and CSI driver support (k3s release 2026-08-27). */
const k3sVersion = "v1.36.4+k3s1";

/** Hetzner's recursive resolvers (docs.hetzner.com/dns-console/dns/general/recursive-name-servers). */
const nameservers = ["185.12.64.1", "185.12.64.2"];

export function buildServices(config: PlatformConfig, machines: readonly Machine[]): Services {
  const budget = config.phase === 1 ? memoryBudget(single(machines).memoryGiB) : null;
  return {
    database: buildDatabase(config, machines),
    redis: buildRedis(config, machines),
    loadBalancer: buildLoadBalancer(config, machines),
    app: config.phase === 3 ? null : buildApp(config, budget?.app ?? null),
    k3s: config.phase === 3 ? buildK3s(config.k3s, machines) : null,
    backup: buildBackup(config),
    memoryBudgetMiB: budget,
    nameservers,
    natGateways: ofRole(machines, "load-balancer").map((machine) => machine.name),
  };
}

function single(machines: readonly Machine[]): Machine {
  const [machine] = machines;
  if (machine === undefined) throw new Error("a stack without machines has no services");
  return machine;
}

function buildApp(config: PlatformConfig, memoryMaxMiB: number | null): AppService {
  return { port: ports.app, release: config.release ?? null, memoryMaxMiB };
}

function buildLoadBalancer(config: PlatformConfig, machines: readonly Machine[]): LoadBalancerService {
  const balancers = ofRole(machines, config.phase === 1 ? "server" : "load-balancer");
  const vcpu = Math.min(...balancers.map((machine) => machine.vcpu));
  const { webSocketConnections, requestsPerSecond } = limits[config.phase];
  return {
    machines: balancers.map((machine) => machine.name),
    upstreams: upstreamsOf(config, machines),
    serverNames: config.edge.hosts.map((host) => fqdnOf(host, config.domain)),
    limits: {
      requestsPerSecondPerClient,
      burst: requestsPerSecondPerClient * 2,
      connectionsPerClient: 50,
      // A client is an address, behind which may be a campus: a tenth of all, and ten of them fill the phase.
      webSocketsPerClient: webSocketConnections / 10,
    },
    // One worker per core, two connections per client (edge and upstream), and one machine must carry everything alone.
    workerConnections: nextPowerOfTwo((2 * (webSocketConnections + requestsPerSecond)) / vcpu),
  };
}

function upstreamsOf(config: PlatformConfig, machines: readonly Machine[]): LoadBalancerService["upstreams"] {
  switch (config.phase) {
    case 1:
      return [{ machine: single(machines).name, ip: "127.0.0.1", port: ports.app }];
    case 2:
      return ofRole(machines, "api").map((machine) => ({ ...addressOf(machine), port: ports.app }));
    case 3:
      return [...ofRole(machines, "k3s-server"), ...ofRole(machines, "k3s-agent")].map((machine) => ({
        ...addressOf(machine),
        port: ports.ingress,
      }));
  }
}

const nextPowerOfTwo = (value: number): number => 2 ** Math.ceil(Math.log2(value));

function buildK3s(
  config: { readonly clusterCidr: string; readonly serviceCidr: string },
  machines: readonly Machine[],
): K3sService {
  const servers = ofRole(machines, "k3s-server");
  return {
    version: k3sVersion,
    servers: servers.map(addressOf),
    agents: ofRole(machines, "k3s-agent").map(addressOf),
    firstServer: single(servers).name,
    clusterCidr: config.clusterCidr,
    serviceCidr: config.serviceCidr,
    ingressNodePort: ports.ingress,
    // Every half hour, a day's worth: within the hour of data that may be lost.
    etcdSnapshot: { schedule: "*/30 * * * *", retention: 48 },
    services: microservices,
  };
}

/** Object storage away from the stack: a fire that takes the machines must not take the backups. */
function buildBackup(config: PlatformConfig): BackupService {
  const region =
    config.backups.objectStorage ?? objectStorageLocations.find((location) => location !== config.location) ?? "fsn1";
  return {
    bucket: config.backups.bucket,
    endpoint: `${region}.your-objectstorage.com`,
    region,
    retentionDays: backupTargets.retentionDays,
    fullSchedule: "Sun *-*-* 02:00:00 UTC",
    differentialSchedule: "Mon..Sat *-*-* 02:00:00 UTC",
  };
}
