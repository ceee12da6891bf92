/** Load balancer targets: which machines they stand for and how healthy those look. */
import { parseSelector, selects } from "../http/selector.ts";
import type { LoadBalancerRecord, LoadBalancerTargetRecord, ServerRecord } from "../records.ts";
import type { Cloud } from "./cloud.ts";

export type HealthStatus = "unknown" | "healthy" | "unhealthy";

export type ResolvedTarget = {
  readonly target: LoadBalancerTargetRecord;
  /** Null for targets outside the cloud. */
  readonly server: number | null;
  /** Where packets go; null when the server has lost the address the target needs. */
  readonly ip: string | null;
  readonly health: HealthStatus;
};

function addressFor(
  cloud: Cloud,
  loadBalancer: LoadBalancerRecord,
  server: ServerRecord,
  privately: boolean,
): string | null {
  if (!privately) return server.primaryIpv4 === null ? null : (cloud.primaryIps.get(server.primaryIpv4)?.ip ?? null);
  const shared = server.privateNets.find(({ network }) =>
    loadBalancer.privateNets.some((attached) => attached.network === network),
  );
  return shared?.ip ?? null;
}

function healthOf(cloud: Cloud, target: LoadBalancerTargetRecord, up: boolean): HealthStatus {
  if (cloud.clock.now() - target.since < cloud.settings.delays().health) return "unknown";
  return up ? "healthy" : "unhealthy";
}

/** Servers a target stands for at this moment; a selector is evaluated anew each time. */
export function serversOf(cloud: Cloud, target: LoadBalancerTargetRecord): readonly ServerRecord[] {
  if (target.type === "ip") return [];
  if (target.type === "server") return [cloud.servers.get(target.server)].filter((server) => server !== undefined);
  const selector = parseSelector(target.selector) ?? [];
  return cloud.servers.all().filter((server) => selects(selector, server.labels));
}

export function resolveTarget(
  cloud: Cloud,
  loadBalancer: LoadBalancerRecord,
  target: LoadBalancerTargetRecord,
): readonly ResolvedTarget[] {
  if (target.type === "ip") {
    return [{ target, server: null, ip: target.ip, health: healthOf(cloud, target, true) }];
  }
  return serversOf(cloud, target).map((server) => {
    const ip = addressFor(cloud, loadBalancer, server, target.usePrivateIp);
    return {
      target,
      server: server.id,
      ip,
      health: healthOf(cloud, target, ip !== null && server.status === "running"),
    };
  });
}

export const resolveTargets = (cloud: Cloud, loadBalancer: LoadBalancerRecord): readonly ResolvedTarget[] =>
  loadBalancer.targets.flatMap((target) => resolveTarget(cloud, loadBalancer, target));

export function loadBalancersOf(cloud: Cloud, server: number): readonly LoadBalancerRecord[] {
  return cloud.loadBalancers
    .all()
    .filter((loadBalancer) =>
      loadBalancer.targets.some((target) => serversOf(cloud, target).some(({ id }) => id === server)),
    );
}
