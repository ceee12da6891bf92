import { ConfigError, type Fault, formatFault } from "../../config/faults.ts";
import { PlanError } from "../../plan/errors.ts";

/** The faults an action throws; fails when it throws nothing or something else. */
export function faultsOf(action: () => unknown): readonly Fault[] {
  try {
    action();
  } catch (error) {
    if (error instanceof ConfigError || error instanceof PlanError) return error.faults;
    throw error;
  }
  throw new Error("nothing was refused");
}

/** The faults an action throws, as its users read them. */
export function messagesOf(action: () => unknown): readonly string[] {
  return faultsOf(action).map(formatFault);
}
