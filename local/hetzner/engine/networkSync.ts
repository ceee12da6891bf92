/** Keeps the machines' packet network equal to the records: one driver call at a time, always with the newest state. */
import type { LoadBalancerTopology, NetworkTopology, ServerTopology, Topology } from "../driver.ts";
import type { LoadBalancerRecord, NetworkRecord, ServerRecord } from "../records.ts";
import type { Cloud } from "./cloud.ts";
import { firewallsOf } from "./firewalling.ts";
import { formatIpv4, parseCidr } from "./ipv4.ts";
import { resolveTargets } from "./targets.ts";

function serverTopology(cloud: Cloud, server: ServerRecord): ServerTopology {
  const address = (id: number | null): string | null => (id === null ? null : (cloud.primaryIps.get(id)?.ip ?? null));
  const firewalls = firewallsOf(cloud, server.id);
  return {
    id: server.id,
    name: server.name,
    publicIpv4: address(server.primaryIpv4),
    publicIpv6: address(server.primaryIpv6),
    publicMacAddress: server.publicMacAddress,
    floatingIps: cloud.floatingIps.where("server", server.id).map((floating) => floating.ip),
    privateNets: server.privateNets.map((net) => ({
      networkId: net.network,
      ip: net.ip,
      aliasIps: net.aliasIps,
      macAddress: net.macAddress,
    })),
    firewall:
      firewalls.length === 0
        ? null
        : firewalls.flatMap(({ firewall }) =>
            firewall.rules.map((rule) => ({
              direction: rule.direction,
              protocol: rule.protocol,
              port: rule.port,
              sourceIps: rule.source_ips,
              destinationIps: rule.destination_ips,
            })),
          ),
  };
}

function networkTopology(network: NetworkRecord): NetworkTopology {
  return {
    id: network.id,
    ipRange: network.ipRange,
    gateway: formatIpv4((parseCidr(network.ipRange)?.base ?? 0) + 1),
    subnets: network.subnets.map((subnet) => subnet.ipRange),
    routes: network.routes,
  };
}

function loadBalancerTopology(cloud: Cloud, loadBalancer: LoadBalancerRecord): LoadBalancerTopology {
  return {
    id: loadBalancer.id,
    publicIpv4: loadBalancer.publicEnabled ? loadBalancer.ipv4 : null,
    privateIps: loadBalancer.privateNets.map(({ network, ip }) => ({ networkId: network, ip })),
    services: loadBalancer.services.map((service) => ({
      protocol: service.protocol,
      listenPort: service.listen_port,
      destinationPort: service.destination_port,
      proxyprotocol: service.proxyprotocol,
    })),
    targets: resolveTargets(cloud, loadBalancer).flatMap(({ ip }) => (ip === null ? [] : [{ ip }])),
  };
}

export function buildTopology(cloud: Cloud): Topology {
  return {
    servers: cloud.servers.all().map((server) => serverTopology(cloud, server)),
    networks: cloud.networks.all().map(networkTopology),
    loadBalancers: cloud.loadBalancers.all().map((loadBalancer) => loadBalancerTopology(cloud, loadBalancer)),
  };
}

export class NetworkSync {
  readonly #cloud: Cloud;
  #running: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  /** Resolves when a driver call that saw the present state has succeeded. Calls that come during one share the next. */
  sync(): Promise<void> {
    if (this.#running === undefined) {
      this.#running = this.#run().finally(() => {
        this.#running = undefined;
      });
      return this.#running;
    }
    if (this.#next === undefined) {
      const after = this.#running.catch(() => undefined);
      this.#next = after.then(() => {
        this.#next = undefined;
        return this.sync();
      });
    }
    return this.#next;
  }

  /** For changes that answer without an action: a failure is logged, the next change repeats the call. */
  syncSoon(): void {
    this.sync().catch((error: unknown) => this.#cloud.local.log(`network sync failed: ${String(error)}`));
  }

  async #run(): Promise<void> {
    // Collect what is being changed in the same turn: a hundred new servers make a few calls, not a hundred.
    await Promise.resolve();
    await this.#cloud.driver.syncNetwork(buildTopology(this.#cloud));
  }
}
