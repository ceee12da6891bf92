import { limitLabels } from "../capacity/load.ts";
import { overlapHours } from "../diff/lines.ts";
import { Dec } from "../money.ts";
import type { CostDiff, StackDiff, StackSide } from "../schema/cost-diff.ts";
import { cents, signedCents, tenThousandths, thousands } from "./rows.ts";

/** The sentences around the tables of a comparison, the same in every format. */

const arrow = (before: string | null, after: string | null): string => {
  if (before === null) return after ?? "";
  if (after === null) return before;
  return before === after ? after : `${before} → ${after}`;
};

const both = (diff: StackDiff, text: (side: StackSide) => string): string =>
  arrow(diff.before === null ? null : text(diff.before), diff.after === null ? null : text(diff.after));

const stateText = {
  changed: "",
  unchanged: ", unchanged",
  added: ", new",
  removed: ", removed",
  faulty: ", cannot be planned",
} as const satisfies Record<StackDiff["state"], string>;

export const stackTitle = (diff: StackDiff): string => {
  const place = both(diff, (side) => `phase ${side.phase} in ${side.location}`);
  return `${diff.stack}${place === "" ? "" : ` (${place})`}${stateText[diff.state]}`;
};

export const deltaSentence = (diff: StackDiff): string => {
  const { monthlyNet, monthlyGross, hourlyNet } = diff.delta;
  const total = both(diff, (side) => cents(side.total.monthlyNet.eur));
  const gross = monthlyGross.eur === monthlyNet.eur ? "" : `, ${signedCents(monthlyGross.eur)} EUR with VAT`;
  const hourly = new Dec(hourlyNet.eur).toFixed(4);
  const sign = new Dec(hourly).gt(0) ? "+" : "";
  return `${total} EUR a month: ${signedCents(monthlyNet.eur)} EUR = ${signedCents(monthlyNet.usd)} USD (${sign}${hourly.replace(/^-0\.0000$/, "0.0000")} EUR an hour)${gross}`;
};

export const oneTimeSentence = (diff: StackDiff): string | null =>
  new Dec(diff.oneTime.eur).isZero()
    ? null
    : `${cents(diff.oneTime.eur)} EUR = ${cents(diff.oneTime.usd)} USD once, for ${overlapHours} hours in which old and new run side by side`;

/** `55.6 → 60.3 % of 100 USD`; with both wholes where they differ. */
const share = (diff: StackDiff, part: (side: StackSide) => string, whole: (side: StackSide) => string): string => {
  const { before, after } = diff;
  if (before === null || after === null || whole(before) !== whole(after)) {
    return both(diff, (side) => `${part(side)} ${whole(side)}`);
  }
  return `${arrow(part(before), part(after))} ${whole(after)}`;
};

export const budgetSentence = (diff: StackDiff): string => {
  const over = diff.after?.budget.over === true ? ", over budget" : "";
  return `${share(
    diff,
    (side) => side.budget.usedPercent,
    (side) => `% of ${thousands(Number(side.budget.usd))} USD`,
  )}${over}`;
};

export const perUserSentence = (diff: StackDiff): string =>
  share(
    diff,
    (side) => tenThousandths(side.perUser.each.usd),
    (side) => `USD at ${thousands(side.perUser.users)} users`,
  );

export const trafficSentence = (diff: StackDiff): string =>
  both(
    diff,
    ({ traffic }) =>
      `${new Dec(traffic.expectedTB).toFixed(2)} of ${traffic.includedTB} TB${new Dec(traffic.overageTB).isZero() ? "" : `, ${new Dec(traffic.overageTB).toFixed(2)} over`}`,
  );

type Use = NonNullable<StackDiff["headroom"][number]["after"]>;

const percent = (use: Use | null): string | null => {
  if (use === null) return null;
  if (use.usedPercent === null) return "no limit";
  const [from, to] = [use.usedPercent.from.toFixed(0), use.usedPercent.to.toFixed(0)];
  return from === to ? `${to} %` : `${from} to ${to} %`;
};

/** `users 50 %`, `concurrent users 25 to 50 % → 13 to 25 %`: how much of each limit the expected users take. */
export const headroomSentences = (diff: StackDiff): readonly string[] =>
  diff.headroom.map(({ limit, before, after }) => `${limitLabels[limit]} ${arrow(percent(before), percent(after))}`);

export const bottleneckSentence = (diff: StackDiff): string =>
  both(diff, (side) => (side.bottleneck === null ? "none" : limitLabels[side.bottleneck]));

export const sidesSentence = ({ base, head }: CostDiff): string => `${base.label} → ${head.label}`;

const codeSentence = (name: string, side: CostDiff["base"]): string | null => {
  const files = `${side.changedCode.slice(0, 3).join(", ")}${side.changedCode.length > 3 ? ` and ${side.changedCode.length - 3} more` : ""}`;
  switch (side.code) {
    case "running":
      return null;
    case "own":
      return `the ${name} is planned and priced by its own code (${files} differ)`;
    case "substitute":
      return `the ${name} is planned and priced by the newer code: its own is too old to be asked (${files} differ)`;
  }
};

/** Which code, prices and exchange rates the two sides stand on, where that is not the same. */
export function basisSentences(diff: CostDiff): readonly string[] {
  const code = [codeSentence("base", diff.base), codeSentence("head", diff.head)].filter((text) => text !== null);
  const rates = (side: "before" | "after"): string =>
    [...new Set(diff.stacks.flatMap((stack) => stack[side]?.usdPerEur ?? []))].join(", ");
  const days = (side: "before" | "after"): string =>
    [...new Set(diff.stacks.flatMap((stack) => stack[side]?.pricesAt ?? []))].join(", ");
  const prices = `Prices of ${arrow(days("before") || null, days("after") || null)}, 1 EUR = ${arrow(rates("before") || null, rates("after") || null)} USD, net of VAT`;
  return [...code, prices];
}

export const totalSentence = ({ total, stacks }: CostDiff): string => {
  const once = new Dec(total.oneTime.eur).isZero() ? "" : `, and ${cents(total.oneTime.eur)} EUR once`;
  const without = stacks.filter((stack) => stack.state === "faulty").map((stack) => stack.stack);
  const which = without.length === 0 ? "All stacks" : `Without ${without.join(" and ")}`;
  return `${which}: ${arrow(cents(total.before.monthlyNet.eur), cents(total.after.monthlyNet.eur))} EUR a month, ${signedCents(total.delta.monthlyNet.eur)} EUR = ${signedCents(total.delta.monthlyNet.usd)} USD${once}`;
};
