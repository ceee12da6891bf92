import type { PlatformConfig } from "../config/schema.ts";
import { ports } from "./ports.ts";
import type { Flow, Machine, Peer, Role } from "./types.ts";

/** Everything that may talk to something, in one list; what is not in it is closed. */
export function buildFlows(config: PlatformConfig, machines: readonly Machine[]): readonly Flow[] {
  const draft = new FlowDraft(machines);
  const door: Role = config.phase === 1 ? "server" : "load-balancer";
  publicFlows(draft, door, config.ssh.allowFrom.length > 0);
  switch (config.phase) {
    case 1:
      break;
    case 2:
      operationsFlows(draft);
      phase2Flows(draft, config.database.standby, config.redis.replica);
      pings(draft);
      break;
    case 3:
      operationsFlows(draft);
      phase3Flows(draft);
      pings(draft);
      break;
  }
  return draft.flows;
}

type Protocol = "tcp" | "udp";

class FlowDraft {
  readonly flows: Flow[] = [];
  readonly roles: readonly Role[];
  private readonly machines: readonly Machine[];

  constructor(machines: readonly Machine[]) {
    this.machines = machines;
    this.roles = [...new Set(machines.map((machine) => machine.role))];
  }

  /** From outside the stack. */
  outside(from: Exclude<Peer, { kind: "role" }>, to: Role, port: number, why: string): void {
    this.flows.push({ from, to, protocol: "tcp", port: String(port), why });
  }

  /** Between machines. A role of one machine needs no flow to itself, and an absent role none at all. */
  inside(from: Role, to: Role, port: number, why: string, protocol: Protocol = "tcp"): void {
    if (!this.applies(from, to)) return;
    this.flows.push({ from: { kind: "role", role: from }, to, protocol, port: String(port), why });
  }

  /** Like {@link inside}, to the first machine of the role alone. */
  toFirst(from: Role, to: Role, port: number, why: string): void {
    const first = this.of(to)[0];
    if (first === undefined || this.of(from).length === 0) return;
    const flow: Flow = { from: { kind: "role", role: from }, to, protocol: "tcp", port: String(port), why };
    this.flows.push({ ...flow, toMachines: [first.name] });
  }

  icmp(from: Peer, to: Role, why: string): void {
    if (from.kind === "role" && !this.applies(from.role, to)) return;
    this.flows.push({ from, to, protocol: "icmp", port: null, why });
  }

  private of(role: Role): readonly Machine[] {
    return this.machines.filter((machine) => machine.role === role);
  }

  private applies(from: Role, to: Role): boolean {
    return this.of(from).length > 0 && this.of(to).length > (from === to ? 1 : 0);
  }
}

function publicFlows(draft: FlowDraft, door: Role, adminsAllowed: boolean): void {
  draft.outside({ kind: "cloudflare" }, door, ports.http, "HTTP from the edge, answered with a redirect");
  draft.outside({ kind: "cloudflare" }, door, ports.https, "HTTPS from the edge");
  if (adminsAllowed) draft.outside({ kind: "admin" }, door, ports.ssh, "SSH from the configured addresses");
  draft.icmp({ kind: "internet" }, door, "ping and path MTU discovery");
}

/** What operators do from the gateway. */
function operationsFlows(draft: FlowDraft): void {
  for (const role of draft.roles) {
    draft.inside("load-balancer", role, ports.ssh, "SSH through the jump host");
    draft.inside("load-balancer", role, ports.nodeExporter, "machine metrics, read through the gateway");
  }
}

function phase2Flows(draft: FlowDraft, standby: boolean, replica: boolean): void {
  draft.inside("load-balancer", "api", ports.app, "requests to the application");
  databaseClients(draft, "api");
  databasePeers(draft);
  if (standby) {
    for (const port of [ports.etcdClient, ports.etcdPeer]) {
      draft.inside("database", "database", port, "etcd of the database members");
      draft.toFirst("database", "redis", port, "the third etcd vote stands beside Redis");
      draft.inside("redis", "database", port, "the third etcd vote stands beside Redis");
    }
  }
  draft.inside("api", "redis", ports.redis, "sessions, cache and queues");
  draft.inside("redis", "redis", ports.redis, "replication");
  if (!replica) return;
  draft.inside("api", "redis", ports.sentinel, "asking which Redis is the primary");
  draft.inside("redis", "redis", ports.sentinel, "Sentinels agreeing on a failure");
  draft.inside("database", "redis", ports.redis, "the third Sentinel watches from a database machine");
  draft.inside("database", "redis", ports.sentinel, "the third Sentinel votes");
  draft.toFirst("redis", "database", ports.sentinel, "the third Sentinel votes");
  draft.toFirst("api", "database", ports.sentinel, "asking which Redis is the primary");
}

function phase3Flows(draft: FlowDraft): void {
  const cluster: readonly Role[] = ["k3s-server", "k3s-agent"];
  for (const role of cluster) {
    draft.inside("load-balancer", role, ports.ingress, "requests to the ingress controller");
    for (const peer of cluster) {
      draft.inside(role, peer, ports.kubelet, "kubelet: logs, exec, metrics");
      draft.inside(role, peer, ports.flannelVxlan, "pod network (flannel VXLAN)", "udp");
    }
    draft.inside(role, "k3s-server", ports.kubernetesApi, "Kubernetes API");
    databaseClients(draft, role);
    draft.inside(role, "redis", ports.redis, "sessions, cache and queues");
    draft.inside(role, "redis", ports.sentinel, "asking which Redis is the primary");
  }
  draft.inside("load-balancer", "k3s-server", ports.kubernetesApi, "Kubernetes API, tunnelled by operators");
  for (const port of [ports.etcdClient, ports.etcdPeer]) {
    draft.inside("k3s-server", "k3s-server", port, "etcd of the k3s servers");
    draft.inside("database", "database", port, "etcd of the database members");
  }
  databasePeers(draft);
  draft.inside("redis", "redis", ports.redis, "replication");
  draft.inside("redis", "redis", ports.sentinel, "Sentinels agreeing on a failure");
}

function databaseClients(draft: FlowDraft, role: Role): void {
  draft.inside(role, "database", ports.pgbouncer, "queries, through PgBouncer");
  draft.inside(role, "database", ports.patroni, "asking which member is the primary");
}

function databasePeers(draft: FlowDraft): void {
  draft.inside("database", "database", ports.postgres, "streaming replication and rewind");
  draft.inside("database", "database", ports.patroni, "Patroni members asking each other");
}

function pings(draft: FlowDraft): void {
  for (const from of draft.roles) {
    for (const to of draft.roles) draft.icmp({ kind: "role", role: from }, to, "ping and path MTU discovery");
  }
}
