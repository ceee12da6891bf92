import type { CostLine } from "../schema/cost-output.ts";
import type { PlannedStack, SnapshotMachine } from "../snapshot/types.ts";
import type { LineChange } from "./lines.ts";
import type { Correction } from "./rescale.ts";

export const warningKinds = [
  "data-replaced",
  "disk-shrinks",
  "leaves-locked-rate",
  "ordered-at-outdated",
  "retired-type",
  "out-of-stock",
  "budget-crossed",
  "policy-loosened",
] as const;

export type Warning = {
  readonly kind: (typeof warningKinds)[number];
  /** Machine or volume it is about; null for the stack. */
  readonly subject: string | null;
  readonly message: string;
};

export type Compared = {
  readonly base: PlannedStack;
  readonly head: PlannedStack;
  readonly changes: readonly LineChange[];
  readonly corrections: readonly Correction[];
  readonly over: { readonly before: boolean; readonly after: boolean };
};

type Pair = { readonly before: SnapshotMachine; readonly after: SnapshotMachine };

const pairsOf = ({ base, head }: Compared): readonly Pair[] =>
  base.machines.flatMap((before) => {
    const after = head.machines.find((machine) => machine.name === before.name);
    return after === undefined ? [] : [{ before, after }];
  });

const serverLine = (lines: readonly CostLine[], machine: string): CostLine | undefined =>
  lines.find((line) => line.id === `server:${machine}`);

/** Servers and volumes with data that the engine would destroy. */
function dataReplaced({ base, changes }: Compared): readonly Warning[] {
  return changes.flatMap((change): readonly Warning[] => {
    if (change.kind !== "removed" && change.kind !== "replaced") return [];
    const machine = base.machines.find((candidate) => candidate.name === change.before?.machine);
    const volume = change.id.startsWith("volume:");
    const server = change.id.startsWith("server:") && machine?.stateful === true;
    if (!volume && !server) return [];
    const what = volume ? "the volume" : "the data-bearing machine";
    return [
      {
        kind: "data-replaced",
        subject: change.name,
        message: `${what} ${change.name} is ${change.kind}: its data must be moved first, and the engine refuses while it is protected`,
      },
    ];
  });
}

/** A database keeps the disk of the type it was made as, which no plan remembers; phase 1's server names it in its config. */
const shrinks = (before: SnapshotMachine, after: SnapshotMachine): string =>
  before.keepDisk && before.role === "database"
    ? `${after.name} keeps the disk it was made with: when that has more than ${after.typeDiskGiB} GB, Hetzner refuses ${after.serverType}`
    : `${after.name} has a disk of ${before.diskGiB} GB and ${after.serverType} only ${after.typeDiskGiB}: a disk never shrinks, Hetzner refuses the change`;

function diskShrinks(compared: Compared): readonly Warning[] {
  const machines = pairsOf(compared)
    .filter(({ before, after }) => after.typeDiskGiB < before.diskGiB && before.serverType !== after.serverType)
    .map(({ before, after }) => ({
      kind: "disk-shrinks" as const,
      subject: after.name,
      message: shrinks(before, after),
    }));
  const volumes = compared.base.volumes.flatMap((before) => {
    const after = compared.head.volumes.find((volume) => volume.name === before.name);
    if (after === undefined || after.sizeGiB >= before.sizeGiB) return [];
    const message = `the volume ${before.name} goes from ${before.sizeGiB} to ${after.sizeGiB} GB: a volume never shrinks, it would have to be replaced`;
    return [{ kind: "disk-shrinks" as const, subject: before.name, message }];
  });
  return [...machines, ...volumes];
}

const todays = (line: CostLine): string =>
  line.price.newOrderNet === null ? "it cannot be ordered any more" : `today it costs ${line.price.newOrderNet}`;

/** Servers that keep a price from before 2026-06-15 and lose it. */
function leavesLockedRate(compared: Compared): readonly Warning[] {
  const { base, head, changes } = compared;
  return base.machines.flatMap((machine): readonly Warning[] => {
    const before = serverLine(base.cost.lines, machine.name);
    const change = changes.find((candidate) => candidate.id === `server:${machine.name}`);
    if (before?.price.locked !== true || change === undefined) return [];
    const type = machine.serverType;
    const kept = `${machine.name} leaves ${before.price.net} EUR a month, the price of ${type} kept since its order on ${machine.orderedAt}`;
    const after = change.after;
    const now = head.machines.find((candidate) => candidate.name === machine.name);
    if (after === null || now === undefined) {
      return [{ kind: "leaves-locked-rate", subject: machine.name, message: `${kept}; ${todays(before)}` }];
    }
    const same = now.serverType === type ? "" : `, and ${type} itself: ${todays(before)}`;
    const message = `${kept}; ${now.serverType} costs ${after.price.net} at today's rate${same}`;
    return [{ kind: "leaves-locked-rate", subject: machine.name, message }];
  });
}

const orderedAtOutdated = ({ corrections }: Compared): readonly Warning[] =>
  corrections.map(({ machine, claimed, real, orderedAt }) => ({
    kind: "ordered-at-outdated",
    subject: machine,
    message: `${machine} is rescaled, which moves it to today's rate of ${real} EUR a month; orderedAt ${orderedAt} still claims ${claimed}. Counted here: ${real}. Set orderedAt to the day of the rescale`,
  }));

/** Types that somebody has to order: of new machines, and of those that change their type or their place. */
function ordered({ base, head, changes }: Compared): readonly SnapshotMachine[] {
  return head.machines.filter((machine) => {
    const before = base.machines.find((candidate) => candidate.name === machine.name);
    const replaced = changes.some((change) => change.id === `server:${machine.name}` && change.kind === "replaced");
    return before === undefined || before.serverType !== machine.serverType || replaced;
  });
}

function availability(compared: Compared): readonly Warning[] {
  const { location } = compared.head.cost;
  return ordered(compared).flatMap((machine): readonly Warning[] => {
    const { name, serverType, stock } = machine;
    if (!machine.orderable) {
      const message = `${name}: ${serverType} can no longer be ordered in ${location}`;
      return [{ kind: "retired-type", subject: name, message }];
    }
    if (stock === null || stock.available) return [];
    const message = `${name}: ${serverType} was out of stock in ${location} when last looked at (${stock.read})`;
    return [{ kind: "out-of-stock", subject: name, message }];
  });
}

function budget({ head, over }: Compared): readonly Warning[] {
  if (!over.after || over.before) return [];
  const message = `${head.stack} crosses its budget of ${head.cost.budget.usd} USD a month`;
  return [{ kind: "budget-crossed", subject: null, message }];
}

function policy({ base, head }: Compared): readonly Warning[] {
  const loosened = [
    ...(base.policy.failOverBudget && !head.policy.failOverBudget ? ["failOverBudget is switched off"] : []),
    ...(base.policy.maxIncrease !== null && base.policy.maxIncrease !== head.policy.maxIncrease
      ? [`maxIncrease goes from ${base.policy.maxIncrease} to ${head.policy.maxIncrease ?? "no limit"}`]
      : []),
    ...(Number(head.cost.budget.usd) > Number(base.cost.budget.usd) && base.cost.phase === head.cost.phase
      ? [`the budget goes from ${base.cost.budget.usd} to ${head.cost.budget.usd} USD`]
      : []),
  ];
  return loosened.map((message) => ({ kind: "policy-loosened", subject: null, message: `billing: ${message}` }));
}

/** Everything a reviewer should see beyond the amounts, the worst first. */
export const warningsOf = (compared: Compared): readonly Warning[] => [
  ...dataReplaced(compared),
  ...diskShrinks(compared),
  ...orderedAtOutdated(compared),
  ...leavesLockedRate(compared),
  ...availability(compared),
  ...budget(compared),
  ...policy(compared),
];
