import type { Plan } from "../plan/types.ts";
import type { Platform, RenderUserData } from "./foundation.ts";
import { phase1 } from "./phase1.ts";
import { phase2 } from "./phase2.ts";
import { phase3 } from "./phase3.ts";

const phases = { 1: phase1, 2: phase2, 3: phase3 } satisfies Record<Plan["phase"], unknown>;

/** Registers every resource of the plan's phase. */
export const createPlatform = (plan: Plan, renderUserData: RenderUserData): Platform =>
  phases[plan.phase](plan, renderUserData);
