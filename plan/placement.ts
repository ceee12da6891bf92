import { providerName } from "./names.ts";
import type { Labels, Machine, PlacementGroupPlan, Role } from "./types.ts";

/** Servers a spread placement group may hold (docs.hetzner.com/cloud/placement-groups). */
export const placementGroupSize = 10;

/**
 * Groups spread machines over hosts. Database and Redis share one: in phase 2 they hold each other's third vote, and two
 * votes on one host would go together. API and k3s do not, so that a stack on its way from phase 2 to 3 has room for both. Groups exist from the first machine on, because joining one needs the machine off.
 * Phase 1 has a single machine and nothing to keep apart.
 */
const groups: Readonly<Record<Role, string | null>> = {
  server: null,
  "load-balancer": "edge",
  api: "app",
  "k3s-server": "k3s",
  "k3s-agent": "k3s",
  database: "data",
  redis: "data",
};

export function placementGroupOf(role: Role): string | null {
  return groups[role];
}

export function buildPlacementGroups(
  stack: string,
  machines: readonly Machine[],
  labels: Labels,
): readonly PlacementGroupPlan[] {
  const names = [...new Set(machines.map((machine) => machine.placementGroup))].filter((name) => name !== null);
  return names.map((name) => ({
    name,
    providerName: providerName(stack, name),
    machines: machines.filter((machine) => machine.placementGroup === name).map((machine) => machine.name),
    labels,
  }));
}
