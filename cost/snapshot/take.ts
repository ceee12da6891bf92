import { parsePlatform } from "../../config/parse.ts";
import type { PlatformConfig } from "../../config/schema.ts";
import { listStacks, readStackPlatform } from "../../config/stack-file.ts";
import { buildPlan } from "../../plan/build.ts";
import { statefulRoles } from "../../plan/machines.ts";
import type { Machine, Plan, Role } from "../../plan/types.ts";
import { isSold, serverTypeCatalogue } from "../catalogue.ts";
import { costOutput } from "../estimate.ts";
import type { PriceBook } from "../prices/book.ts";
import {
  type PlannedStack,
  type Policy,
  type Snapshot,
  type SnapshotMachine,
  type StackSnapshot,
  snapshotVersion,
} from "./types.ts";

export type SnapshotOptions = {
  /** Folder with the stack files. */
  readonly stacksDirectory: string;
  readonly book: PriceBook;
  /** Day whose prices count; null for the book's own. */
  readonly at: string | null;
  readonly usdPerEur: string | null;
};

const databaseRoles: readonly Role[] = ["database", "server"];

/** Size of the smallest volume of a database member, GiB: each member holds everything. */
export function databaseVolumeGiB(plan: Plan): number {
  const members = new Set(
    plan.machines.filter((machine) => databaseRoles.includes(machine.role)).map((machine) => machine.name),
  );
  const sizes = plan.volumes.filter((volume) => members.has(volume.machine)).map((volume) => volume.sizeGiB);
  return sizes.length === 0 ? 0 : Math.min(...sizes);
}

export const policyOf = (config: PlatformConfig): Policy => ({
  failOverBudget: config.billing.failOverBudget,
  maxIncrease: config.billing.maxIncrease ?? null,
});

/** Adds what the price book knows of a machine's type. */
export function soldMachine(
  machine: Pick<Machine, "name" | "role" | "serverType" | "orderedAt"> & Partial<Machine>,
  location: string,
  book: PriceBook,
  at: string,
): SnapshotMachine {
  const { name, role, serverType, orderedAt } = machine;
  const type = book.serverTypes.find((entry) => entry.name === serverType);
  const sold = type?.sold.find((entry) => entry.locations.includes(location));
  const diskGiB = machine.diskGiB ?? type?.diskGiB ?? 0;
  return {
    name,
    role,
    serverType,
    diskGiB,
    orderedAt,
    stateful: machine.stateful ?? statefulRoles.includes(role),
    keepDisk: machine.keepDisk ?? false,
    typeDiskGiB: type?.diskGiB ?? diskGiB,
    orderable: sold !== undefined && isSold(sold, at),
    stock: sold?.stock ?? null,
  };
}

/** What a comparison needs of a plan. */
export function plannedStack(
  plan: Plan,
  policy: Policy,
  { book, at, usdPerEur }: Omit<SnapshotOptions, "stacksDirectory">,
): PlannedStack {
  return {
    kind: "planned",
    stack: plan.stack,
    cost: costOutput(plan, book, { at: at ?? undefined, usdPerEur: usdPerEur ?? undefined }),
    machines: plan.machines.map((machine) => soldMachine(machine, plan.location, book, at ?? book.date)),
    volumes: plan.volumes.map(({ name, machine, sizeGiB }) => ({ name, machine, sizeGiB })),
    limits: plan.currentLimits,
    databaseVolumeGiB: databaseVolumeGiB(plan),
    policy,
  };
}

/** Failures of the input: they belong to the stack and leave the others alone. */
const ofTheInput = new Set(["ConfigError", "PlanError", "MissingPriceError", "StackFileError", "YAMLParseError"]);

function snapshotOf(stack: string, options: SnapshotOptions): StackSnapshot {
  try {
    const config = parsePlatform(readStackPlatform(stack, options.stacksDirectory));
    const catalogue = serverTypeCatalogue(options.book, options.at ?? options.book.date);
    return plannedStack(buildPlan(config, { stack, catalogue }), policyOf(config), options);
  } catch (error) {
    if (!(error instanceof Error) || !ofTheInput.has(error.name)) throw error;
    return { kind: "faulty", stack, message: error.message };
  }
}

/** Plans and prices every stack of a folder. */
export const takeSnapshot = (options: SnapshotOptions): Snapshot => ({
  version: snapshotVersion,
  bookDate: options.book.date,
  stacks: listStacks(options.stacksDirectory).map((stack) => snapshotOf(stack, options)),
});
