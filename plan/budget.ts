import type { PlatformConfig } from "../config/schema.ts";
import { baselineLimits, budgets, limits, upgradeTarget } from "./capacity.ts";
import type { Budget, Limits, Machine } from "./types.ts";

/** Phase 1 before its upgrade is the capacity plan's baseline. */
function upgraded(config: PlatformConfig, machines: readonly Machine[]): boolean {
  if (config.phase !== 1) return true;
  return machines.every(
    (machine) => machine.vcpu >= upgradeTarget.vcpu && machine.memoryGiB >= upgradeTarget.memoryGiB,
  );
}

/** What the machines carry by the capacity plan. */
export function currentLimits(config: PlatformConfig, machines: readonly Machine[]): Limits {
  return upgraded(config, machines) ? limits[config.phase] : baselineLimits;
}

/** The budget reports measure against: config's, or the capacity plan's for these machines. */
export function buildBudget(config: PlatformConfig, machines: readonly Machine[]): Budget {
  const budget = budgets[config.phase];
  const planned = upgraded(config, machines) ? (budget.planUsd.to ?? budget.planUsd.from) : budget.planUsd.from;
  return { ...budget, usd: config.billing.budgetUsd ?? planned };
}
