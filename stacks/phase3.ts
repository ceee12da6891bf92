import { Database, K3s, LoadBalancers, Redis } from "../components/tiers/tiers.ts";
import type { Plan } from "../plan/types.ts";
import { createEdge, createFoundation, type Platform, type RenderUserData } from "./foundation.ts";

/** Phase 3, beyond 100,000 users: services in k3s, database and Redis clusters beside it, a pair of load balancers. */
export const phase3 = (plan: Plan, renderUserData: RenderUserData): Platform => {
  const foundation = createFoundation(plan, renderUserData);
  const loadBalancers = new LoadBalancers("lb", { foundation, gateways: [] });
  const tier = { foundation, gateways: loadBalancers.gateways };
  const database = new Database("db", tier);
  const redis = new Redis("redis", tier);
  const k3s = new K3s("k3s", tier);
  return {
    machines: [...loadBalancers.machines, ...k3s.machines, ...database.machines, ...redis.machines],
    edge: createEdge(foundation, loadBalancers.machines),
  };
};
