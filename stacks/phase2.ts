import { ApiTier, Database, LoadBalancers, Redis } from "../components/tiers/tiers.ts";
import type { Plan } from "../plan/types.ts";
import { createEdge, createFoundation, type Platform, type RenderUserData } from "./foundation.ts";

/** Phase 2, up to 100,000 users: API servers behind nginx, PostgreSQL with a standby, Redis. */
export const phase2 = (plan: Plan, renderUserData: RenderUserData): Platform => {
  const foundation = createFoundation(plan, renderUserData);
  const loadBalancers = new LoadBalancers("lb", { foundation, gateways: [] });
  const tier = { foundation, gateways: loadBalancers.gateways };
  const database = new Database("db", tier);
  const redis = new Redis("redis", tier);
  const api = new ApiTier("api", tier);
  return {
    machines: [...loadBalancers.machines, ...api.machines, ...database.machines, ...redis.machines],
    edge: createEdge(foundation, loadBalancers.machines),
  };
};
