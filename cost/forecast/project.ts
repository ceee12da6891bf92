import { successMetrics, trafficPerUser } from "../../plan/capacity.ts";
import type { Plan } from "../../plan/types.ts";
import { usageAt } from "../bill.ts";
import {
  bottleneck,
  imageGB,
  limitNames,
  type Load,
  loadAt,
  type LimitName,
  type Span,
  type Use,
  usesOf,
} from "../capacity/load.ts";
import { costOutput, type EstimateOptions } from "../estimate.ts";
import type { Money } from "../money.ts";
import type { PriceBook } from "../prices/book.ts";
import type { ForecastMonth, ScenarioForecast } from "../schema/forecast.ts";
import type { Scenario } from "./scenarios.ts";
import type { Stage } from "./stages.ts";
import { successOf } from "./success.ts";

/** The plan gives each phase two months (Implementation Timeline): a move has to be decided that long before. */
export const leadTimeMonths = 2;

/** The plan's capacity triggers: act when a limit is used by this much. */
const triggerPercent = 80;

/**
 * Limits that make a bigger stage necessary. A database volume grows in place, so it is a cost and not a reason; and the
 * number of registered users ends a phase in the plan's table without any machine noticing, so it is not one either.
 */
const driving: readonly LimitName[] = [
  "concurrentUsers",
  "requestsPerSecond",
  "databaseConnections",
  "webSocketConnections",
];

export type Pricer = { readonly book: PriceBook; readonly options: EstimateOptions };

/** Load between the lower estimate of the fewest and the upper estimate of the most users. */
function loadOf(users: Span): Load {
  const low = loadAt(users.from);
  const high = loadAt(users.to);
  return Object.fromEntries(limitNames.map((name) => [name, { from: low[name].from, to: high[name].to }])) as Load;
}

type End = "from" | "to";

const worst = (uses: readonly Use[], end: End): number =>
  Math.max(...uses.filter((use) => driving.includes(use.limit)).map((use) => use.usedPercent?.[end] ?? 0));

/** The smallest stage that keeps every driving limit below the plan's trigger, or the last one. */
function stageFor(load: Load, stages: readonly Stage[], end: End): Stage {
  const fitting = stages.find((stage) => worst(usesOf(load, stage.ceilings), end) < triggerPercent);
  const stage = fitting ?? stages.at(-1);
  if (stage === undefined) throw new Error("forecast: no stages");
  return stage;
}

/** Share of a volume that data may take before it is enlarged. */
const usableShare = 0.8;

/** The plan with volumes large enough for its database; they grow in place. */
function withGrownVolumes(plan: Plan): Plan {
  const needed = Math.ceil((plan.usage.databaseGB * 1e9) / 2 ** 30 / usableShare);
  const volumes = plan.volumes.map((volume) => ({ ...volume, sizeGiB: Math.max(volume.sizeGiB, needed) }));
  return { ...plan, volumes };
}

function monthlyNet(plan: Plan, users: number, pricer: Pricer): Money {
  const usage = usageAt(plan.usage, Math.max(1, users));
  return costOutput(withGrownVolumes({ ...plan, usage }), pricer.book, pricer.options).total.monthlyNet;
}

const times = (users: Span, factor: number): Span => ({ from: users.from * factor, to: users.to * factor });

const terabyte = 2 ** 40;

function monthOf(month: number, users: Span, stages: readonly Stage[], pricer: Pricer): ForecastMonth {
  const load = loadOf(users);
  const stage = stageFor(load, stages, "to");
  const enough = stageFor(load, stages, "from");
  const uses = usesOf(load, stage.ceilings).filter((use) => driving.includes(use.limit));
  const first = bottleneck(uses);
  const cost = { from: monthlyNet(enough.plan, users.from, pricer), to: monthlyNet(stage.plan, users.to, pricer) };
  const perUser = [Number(cost.from.usd) / Math.max(1, users.from), Number(cost.to.usd) / Math.max(1, users.to)];
  return {
    month,
    users,
    stage: stage.name,
    stageAtLower: enough.name,
    overloaded: worst(uses, "to") >= 100,
    databaseGB: load.databaseDisk,
    imageGB: { from: imageGB(users.from), to: imageGB(users.to) },
    apiCallsPerDay: times(users, trafficPerUser.apiCallsPerDay),
    trafficTB: times(users, stage.plan.usage.originEgressGB / stage.plan.usage.expectedUsers / (terabyte / 1e9)),
    requestsPerSecond: load.requestsPerSecond,
    concurrentUsers: load.concurrentUsers,
    databaseConnections: load.databaseConnections,
    webSocketConnections: load.webSocketConnections,
    bottleneck: first,
    utilisationPercent: uses.find((use) => use.limit === first)?.usedPercent ?? { from: 0, to: 0 },
    monthlyNet: cost,
    perUserUsd: { from: Math.min(...perUser), to: Math.max(...perUser) },
    budgetUsd: stage.budgetUsd,
    overBudget: Number(cost.to.usd) > stage.budgetUsd,
  };
}

const firstMonth = (scenario: Scenario, reached: (users: Span) => boolean): number | null => {
  const index = scenario.users.findIndex(reached);
  return index === -1 ? null : index + 1;
};

/** When each limit of each stage is used by 80 and by 100 percent, were the stage kept. */
function limitMonths(scenario: Scenario, stages: readonly Stage[]): ScenarioForecast["limits"] {
  return stages.flatMap((stage) =>
    limitNames.map((limit) => {
      const { at, source } = stage.ceilings[limit];
      const when = (percent: number) => ({
        earliest:
          at === null ? null : firstMonth(scenario, (users) => loadAt(users.to)[limit].to >= (at * percent) / 100),
        latest:
          at === null ? null : firstMonth(scenario, (users) => loadAt(users.from)[limit].from >= (at * percent) / 100),
      });
      return { stage: stage.name, limit, at, source, reaches80: when(triggerPercent), reaches100: when(100) };
    }),
  );
}

/** Which limit of the stage before made a stage necessary. */
function reason(month: ForecastMonth, before: Stage | undefined): LimitName | null {
  if (before === undefined) return null;
  return bottleneck(usesOf(loadOf(month.users), before.ceilings).filter((use) => driving.includes(use.limit)));
}

/** Month in which the lower estimate needs a stage too; null: not within the forecast. */
function latestMonth(months: readonly ForecastMonth[], to: Stage["name"], stages: readonly Stage[]): number | null {
  const place = (name: Stage["name"]): number => stages.findIndex((stage) => stage.name === name);
  return months.find((month) => place(month.stageAtLower) >= place(to))?.month ?? null;
}

function movesOf(months: readonly ForecastMonth[], stages: readonly Stage[]): ScenarioForecast["moves"] {
  return months.flatMap((month, index) => {
    const last = months[index - 1]?.stage ?? stages[0]?.name;
    if (month.stage === last) return [];
    const before = stages.find((stage) => stage.name === last);
    return [
      {
        to: month.stage,
        neededInMonth: month.month,
        latestMonth: latestMonth(months, month.stage, stages),
        because: reason(month, before),
        decideByMonth: month.month - leadTimeMonths,
      },
    ];
  });
}

/** A platform does not go back to a smaller stage because a month's lower figure would fit it. */
function withoutSteppingBack(scenario: Scenario): Scenario {
  let most: Span = { from: 0, to: 0 };
  return {
    ...scenario,
    users: scenario.users.map((users) => {
      most = { from: Math.max(most.from, users.from), to: Math.max(most.to, users.to) };
      return most;
    }),
  };
}

/** Projects a scenario month by month over the stages. */
export function projectScenario(scenario: Scenario, stages: readonly Stage[], pricer: Pricer): ScenarioForecast {
  const steady = withoutSteppingBack(scenario);
  const months = steady.users.map((users, index) => monthOf(index + 1, users, stages, pricer));
  return {
    name: scenario.name,
    source: scenario.source,
    continuation: scenario.continuation,
    months,
    limits: limitMonths(steady, stages),
    moves: movesOf(months, stages),
    success: [...successOf(months, successMetrics)],
  };
}
