import { parsePlatform } from "../../config/parse.ts";
import type { Phase1Config } from "../../config/schema.ts";
import { readStackPlatform } from "../../config/stack-file.ts";
import { buildPlan } from "../../plan/build.ts";
import { ladderOf, upgradeTarget } from "../../plan/capacity.ts";
import type { Phase, Plan } from "../../plan/types.ts";
import { type Ceilings, ceilingsOf } from "../capacity/load.ts";
import { serverTypeCatalogue } from "../catalogue.ts";
import type { PriceBook } from "../prices/book.ts";
import { databaseVolumeGiB } from "../snapshot/take.ts";

/** Steps of growth: phase 1 as it starts, phase 1 after its vertical upgrade, phase 2, phase 3. */
export const stageNames = ["phase1", "phase1-upgraded", "phase2", "phase3"] as const;

export type StageName = (typeof stageNames)[number];

export type Stage = {
  readonly name: StageName;
  readonly phase: Phase;
  readonly plan: Plan;
  readonly ceilings: Ceilings;
  /** Monthly budget in USD. */
  readonly budgetUsd: number;
};

/** Short names; `phase 1+` is phase 1 with the bigger server. */
export const stageLabels = {
  phase1: "phase 1",
  "phase1-upgraded": "phase 1+",
  phase2: "phase 2",
  phase3: "phase 3",
} as const satisfies Record<StageName, string>;

const stageOf = (name: StageName, plan: Plan): Stage => ({
  name,
  phase: plan.phase,
  plan,
  ceilings: ceilingsOf(plan.currentLimits, databaseVolumeGiB(plan)),
  budgetUsd: plan.budget.usd,
});

/** The first step of the location's ladder that meets the capacity plan's upgrade target; its disk may be a volume. */
function upgradedServer(config: Phase1Config, book: PriceBook, at: string): string {
  const offers = serverTypeCatalogue(book, at).serverTypes;
  const steps = ladderOf(config.location);
  const fits = steps.find((step) => {
    const offer = offers.find((candidate) => candidate.name === step);
    return offer !== undefined && offer.vcpu >= upgradeTarget.vcpu && offer.memoryGiB >= upgradeTarget.memoryGiB;
  });
  return fits ?? steps[steps.length - 1] ?? steps[0];
}

/** The stages of growth from the stack files phase1, phase2 and phase3 of a folder. */
export function stagesOf(book: PriceBook, at: string, directory?: string): readonly Stage[] {
  const catalogue = serverTypeCatalogue(book, at);
  const configOf = (stack: string) => parsePlatform(readStackPlatform(stack, directory));
  const plan = (stack: string, config = configOf(stack)): Plan => buildPlan(config, { stack, catalogue });
  const first = configOf("phase1");
  const upgraded =
    first.phase === 1
      ? [
          stageOf(
            "phase1-upgraded",
            plan("phase1", { ...first, server: { ...first.server, serverType: upgradedServer(first, book, at) } }),
          ),
        ]
      : [];
  return [
    stageOf("phase1", plan("phase1", first)),
    ...upgraded,
    stageOf("phase2", plan("phase2")),
    stageOf("phase3", plan("phase3")),
  ];
}
