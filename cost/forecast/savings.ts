import type { Plan } from "../../plan/types.ts";
import { alternatives } from "../alternatives.ts";
import { costOutput, type EstimateOptions } from "../estimate.ts";
import { amountsOf, capHours, Dec, hoursPerMonth, type Money } from "../money.ts";
import type { PriceBook } from "../prices/book.ts";
import { findPrice, findPriceIfKnown } from "../prices/lookup.ts";
import type { Forecast } from "../schema/forecast.ts";
import type { Stage } from "./stages.ts";

type Saving = Forecast["savings"][number];

type Context = {
  readonly book: PriceBook;
  readonly at: string;
  readonly rate: string;
  readonly options: EstimateOptions;
};

/** An amount in EUR in both currencies. */
const euros = (amount: Dec, { rate }: Context): Money =>
  amountsOf({ monthly: amount, hourly: new Dec(0) }, "EUR", new Dec(rate), 0).monthlyNet;

const cents = (amount: Dec): string => amount.toFixed(2);

const neverSold = (idea: string, promised: string): Saving => ({
  idea,
  promised,
  answer:
    "Hetzner Cloud sells nothing of the kind: a server costs its hourly price up to its monthly cap, with no term and no spare capacity at a discount.",
  monthlyNet: null,
});

/** Nightly hours during which a second API server is not needed: an assumption to show the arithmetic with. */
const nightHours = 8;

/** Deleting a server for part of each day saves only what lies below its monthly cap of 624 hours. */
function nightly(stage: Stage, context: Context): Saving {
  const machine = stage.plan.machines.find(({ name }) => name === "api-2");
  if (machine === undefined) throw new Error("forecast: phase 2 has no second API server");
  const price = findPrice(context.book, {
    item: `server:${machine.serverType}`,
    location: stage.plan.location,
    at: context.at,
    orderedAt: machine.orderedAt,
  });
  const hours = new Dec(hoursPerMonth).times(24 - nightHours).dividedBy(24);
  const run = Dec.min(hours.times(price.hourlyNet ?? 0), price.net);
  const saved = new Dec(price.net).minus(run);
  const free = new Dec(hoursPerMonth - capHours).times(12).dividedBy(365);
  return {
    idea: "Auto-scaling: scale down at night",
    promised: null,
    answer: `A server that is switched off costs as much as one that runs; only a deleted one stops costing. A month has ${hoursPerMonth} hours and the cap is reached after ${capHours}, so the first ${free.toFixed(1)} hours a night save nothing. ${machine.name} (${machine.serverType}, ${price.net} EUR) deleted for ${nightHours} hours a night runs ${hours.toFixed(0)} hours: ${cents(run)} EUR. The new one of each morning is ordered at that day's price.`,
    monthlyNet: euros(saved, context),
  };
}

/** Share of the traffic the edge could answer by itself: an assumption to show the arithmetic with. */
const cachedShare = 0.8;

function offload(stage: Stage, context: Context): Saving {
  const { plan } = stage;
  const less: Plan = {
    ...plan,
    usage: { ...plan.usage, originEgressGB: plan.usage.originEgressGB * (1 - cachedShare) },
  };
  const total = (each: Plan): Dec => new Dec(costOutput(each, context.book, context.options).total.monthlyNet.eur);
  const saved = total(plan).minus(total(less));
  const { overageTB } = costOutput(plan, context.book, context.options).traffic;
  return {
    idea: "CDN optimisation: reduce bandwidth costs",
    promised: null,
    answer: `Traffic beyond the included one is ${overageTB} TB a month at ${plan.usage.expectedUsers} users. An edge that answers ${cachedShare * 100} % of it saves this much; more important, the machines see that much less load.`,
    monthlyNet: euros(saved, context),
  };
}

function rightSizing(stage: Stage, context: Context): Saving {
  const rows = alternatives(stage.plan, context.book, context.at).filter(
    (row) => row.locations.includes(stage.plan.location) && new Dec(row.saving).gt(0),
  );
  const best = new Map(rows.toReversed().map((row) => [row.machines.join(), row]));
  const saved = [...best.values()].reduce((sum, row) => sum.plus(row.saving), new Dec(0));
  const what = [...best.values()].map((row) => `${row.machines.join(", ")} to ${row.serverType}`).join("; ");
  return {
    idea: `Right-sizing of ${stage.name}`,
    promised: null,
    answer:
      best.size === 0
        ? `In ${stage.plan.location} no orderable type satisfies a machine's profile for less: every machine already has the cheapest one.`
        : `Cheaper types that satisfy the profiles in ${stage.plan.location}: ${what}. What is given up: cost alternatives ${stage.plan.stack}.`,
    monthlyNet: euros(saved, context),
  };
}

/** What a server of the database's type would cost had it been ordered before 2026-06-15 in Europe. */
function lockedPrices(stage: Stage, context: Context): Saving {
  const type = stage.plan.machines.find(({ role }) => role === "database")?.serverType ?? "";
  const ask = (orderedAt: string | null) =>
    findPriceIfKnown(context.book, { item: `server:${type}`, location: "fsn1", at: context.at, orderedAt })?.net ??
    null;
  const [old, now] = [ask("2026-06-14"), ask(null)];
  const figures =
    old === null || now === null ? "" : ` A ${type} in fsn1 from before then costs ${old} EUR, a new one ${now}.`;
  return {
    idea: "Price-locked servers",
    promised: null,
    answer: `Servers ordered before 2026-06-15 keep their price until they are rescaled or replaced.${figures} Whoever has such servers should adopt them (adopt, orderedAt) and grow by adding machines instead of rescaling them.`,
    monthlyNet: old === null || now === null ? null : euros(new Dec(now).minus(old), context),
  };
}

function yearlyEdge(context: Context): Saving {
  const price = (item: string): string =>
    findPrice(context.book, { item, location: null, at: context.at, orderedAt: null }).net;
  const [monthly, yearly] = [price("cloudflare-plan:pro"), price("cloudflare-plan-yearly:pro")];
  const usd = new Dec(monthly).minus(yearly);
  return {
    idea: "Cloudflare Pro billed yearly",
    promised: null,
    answer: `${yearly} instead of ${monthly} USD a month, for a year's commitment: the only term that anything in this platform sells.`,
    monthlyNet: amountsOf({ monthly: usd, hourly: new Dec(0) }, "USD", new Dec(context.rate), 0).monthlyNet,
  };
}

/** The capacity plan's "Cost Reduction Techniques", answered with numbers, and what does save. */
export function savingsOf(stages: readonly Stage[], context: Context): readonly Saving[] {
  const stage = (name: Stage["name"]): Stage => {
    const found = stages.find((candidate) => candidate.name === name);
    if (found === undefined) throw new Error(`forecast: no ${name}`);
    return found;
  };
  return [
    neverSold("Reserved instances", "30 to 50 % (capacity plan)"),
    neverSold("Spot instances", "60 to 80 % (capacity plan)"),
    nightly(stage("phase2"), context),
    offload(stage("phase3"), context),
    rightSizing(stage("phase2"), context),
    rightSizing(stage("phase3"), context),
    lockedPrices(stage("phase3"), context),
    yearlyEdge(context),
  ];
}
