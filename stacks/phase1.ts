import { SingleServer } from "../components/tiers/tiers.ts";
import type { Plan } from "../plan/types.ts";
import { createEdge, createFoundation, type Platform, type RenderUserData } from "./foundation.ts";

/** Phase 1, up to 10,000 users: one server that grows in place. */
export const phase1 = (plan: Plan, renderUserData: RenderUserData): Platform => {
  const foundation = createFoundation(plan, renderUserData);
  const { machines } = new SingleServer("server", { foundation, gateways: [] });
  return { machines, edge: createEdge(foundation, machines) };
};
