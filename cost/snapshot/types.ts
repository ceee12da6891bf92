import type { Limits, Machine, VolumePlan } from "../../plan/types.ts";
import type { CostOutput } from "../schema/cost-output.ts";

/**
 * Everything a comparison needs to know of one side, as JSON: what `cost/snapshot/main.ts` of that side's own code prints.
 * Sides of different commits meet in this shape, so its version rises when a field changes its meaning or goes away.
 */
export const snapshotVersion = 1;

export type SnapshotMachine = Pick<
  Machine,
  "name" | "role" | "serverType" | "diskGiB" | "orderedAt" | "stateful" | "keepDisk"
> & {
  /** Disk of the server type; a server with `keepDisk` may have a smaller one. */
  readonly typeDiskGiB: number;
  /** Whether the type can be ordered in the stack's location. */
  readonly orderable: boolean;
  /** Last known stock of the type in the location; null where nobody looked. */
  readonly stock: { readonly available: boolean; readonly read: string } | null;
};

export type Policy = {
  readonly failOverBudget: boolean;
  /** `50eur`, `50usd` or `10%`; null for no limit. */
  readonly maxIncrease: string | null;
};

export type PlannedStack = {
  readonly kind: "planned";
  readonly stack: string;
  readonly cost: CostOutput;
  readonly machines: readonly SnapshotMachine[];
  readonly volumes: readonly Pick<VolumePlan, "name" | "machine" | "sizeGiB">[];
  /** Limits of the stack as it is configured. */
  readonly limits: Limits;
  /** Size of one database member's volume, GiB. */
  readonly databaseVolumeGiB: number;
  readonly policy: Policy;
};

/** A stack whose config or plan is wrong, or whose price is unknown. */
export type FaultyStack = { readonly kind: "faulty"; readonly stack: string; readonly message: string };

export type StackSnapshot = PlannedStack | FaultyStack;

export type Snapshot = {
  readonly version: typeof snapshotVersion;
  readonly bookDate: string;
  readonly stacks: readonly StackSnapshot[];
};
