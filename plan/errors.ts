import { type Fault, formatFaults } from "../config/faults.ts";

/** A valid config that cannot become a plan, with every reason. */
export class PlanError extends Error {
  readonly faults: readonly Fault[];

  constructor(stack: string, faults: readonly Fault[]) {
    super(formatFaults(`the plan of stack ${stack}`, faults));
    this.name = "PlanError";
    this.faults = faults;
  }
}
