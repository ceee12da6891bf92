/** Which firewalls hold for which server, directly or through label selectors, which take effect a moment later. */
import { parseSelector, selects } from "../http/selector.ts";
import type { FirewallRecord, FirewallTarget, ServerRecord } from "../records.ts";
import type { Cloud } from "./cloud.ts";

export type AppliedFirewall = { readonly firewall: FirewallRecord; readonly status: "pending" | "applied" };

const covers = (target: FirewallTarget, server: number): boolean =>
  target.type === "server" ? target.server === server : target.servers.includes(server);

export function firewallsOf(cloud: Cloud, server: number): readonly AppliedFirewall[] {
  return cloud.firewalls.all().flatMap((firewall) => {
    const targets = firewall.appliedTo.filter((target) => covers(target, server));
    if (targets.length === 0) return [];
    const applied = targets.some((target) => target.status === "applied");
    return { firewall, status: applied ? "applied" : "pending" };
  });
}

export const hasPublicInterface = (server: ServerRecord): boolean =>
  server.primaryIpv4 !== null || server.primaryIpv6 !== null;

/** Servers a selector covers; those without a public interface have nothing a firewall could filter. */
export function selectedServers(cloud: Cloud, selectorText: string): readonly number[] {
  const selector = parseSelector(selectorText) ?? [];
  return cloud.servers
    .all()
    .filter((server) => hasPublicInterface(server) && server.status !== "deleting" && selects(selector, server.labels))
    .map((server) => server.id);
}

const sameIds = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((id, index) => id === b[index]);

/** Evaluates every label selector anew; true when a firewall changed. */
export function reevaluateSelectors(cloud: Cloud): boolean {
  let changed = false;
  for (const firewall of cloud.firewalls.all()) {
    const appliedTo = firewall.appliedTo.map((target): FirewallTarget => {
      if (target.type === "server" || target.status === "pending") return target;
      const servers = selectedServers(cloud, target.selector);
      return sameIds(servers, target.servers) ? target : { ...target, servers };
    });
    if (appliedTo.some((target, index) => target !== firewall.appliedTo[index])) {
      cloud.firewalls.put({ ...firewall, appliedTo });
      changed = true;
    }
  }
  return changed;
}

/** Runs {@link reevaluateSelectors} a moment after labels or servers changed. */
export class SelectorSweep {
  readonly #cloud: Cloud;
  #cancel: (() => void) | undefined;

  constructor(cloud: Cloud) {
    this.#cloud = cloud;
  }

  touch(): void {
    const { clock, settings } = this.#cloud;
    this.#cancel ??= clock.schedule(clock.now() + settings.delays().selectors, () => this.#run());
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #run(): void {
    this.#cancel = undefined;
    if (this.#cloud.change(() => reevaluateSelectors(this.#cloud))) this.#cloud.network.syncSoon();
  }
}
