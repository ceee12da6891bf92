import { parsePlatform } from "../../config/parse.ts";
import type { PlatformConfig } from "../../config/schema.ts";
import { buildPlan } from "../../plan/build.ts";
import type { Catalogue, Machine, Phase, Plan } from "../../plan/types.ts";
import { testCatalogue } from "./catalogue.ts";

type Overrides = Readonly<Record<string, unknown>>;

export const testKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAImSK2P7uy2RyJTxzChHbiRqRUhGHq33UCLUveDimqx";

/** The least a stack file has to say, with top-level keys added or replaced. */
export function rawPlatform(phase: Phase, overrides: Overrides = {}): Overrides {
  return { phase, domain: "chitlaq.com", ssh: { publicKeys: { operations: testKey } }, ...overrides };
}

export function platformOf(phase: Phase, overrides: Overrides = {}): PlatformConfig {
  return parsePlatform(rawPlatform(phase, overrides));
}

export function planOf(phase: Phase, overrides: Overrides = {}, catalogue: Catalogue = testCatalogue): Plan {
  return buildPlan(platformOf(phase, overrides), { stack: `phase${phase}`, catalogue });
}

export function machineOf(plan: Plan, name: string): Machine {
  const machine = plan.machines.find((candidate) => candidate.name === name);
  if (machine === undefined) throw new Error(`the plan has no machine ${name}`);
  return machine;
}
