import type * as pulumi from "@pulumi/pulumi";
import type { TierArgs } from "../machine/fleet.ts";
import type { Machine } from "../machine/machine.ts";
import { Tier } from "./tier.ts";

/** Phase 1: everything on one server, whose type changes in place. */
export class SingleServer extends Tier {
  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("SingleServer", ["server"], name, args, opts);
  }
}

/** The public doors: nginx in phase 2, the pair in front of k3s in phase 3. They also do NAT for the private machines. */
export class LoadBalancers extends Tier {
  /** The machines that the network's routes point at. */
  readonly gateways: readonly Machine[];

  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("LoadBalancers", ["load-balancer"], name, args, opts);
    const routed = new Set(args.foundation.plan.network.routes.map((route) => route.gateway));
    this.gateways = this.machines.filter((machine) => routed.has(machine.plan.privateIp));
  }
}

/** PostgreSQL: primary and standby in phase 2, the Patroni cluster in phase 3. */
export class Database extends Tier {
  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("Database", ["database"], name, args, opts);
  }
}

/** Redis, with its replicas and Sentinels where the plan has them. */
export class Redis extends Tier {
  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("Redis", ["redis"], name, args, opts);
  }
}

/** Phase 2: the application servers. */
export class ApiTier extends Tier {
  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("ApiTier", ["api"], name, args, opts);
  }
}

/** Phase 3: k3s servers and agents, all schedulable. */
export class K3s extends Tier {
  constructor(name: string, args: TierArgs, opts?: pulumi.ComponentResourceOptions) {
    super("K3s", ["k3s-server", "k3s-agent"], name, args, opts);
  }
}
