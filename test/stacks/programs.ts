import { parsePlatform } from "../../config/parse.ts";
import { readStackPlatform } from "../../config/stack-file.ts";
import { buildPlan } from "../../plan/build.ts";
import type { Catalogue, Plan } from "../../plan/types.ts";
import { createPlatform } from "../../stacks/platform.ts";
import { type Capture, type CaptureOptions, capture } from "../support/capture.ts";
import { testCatalogue } from "../support/catalogue.ts";

export const stacks = ["phase1", "phase2", "phase3"] as const;

export type Stack = (typeof stacks)[number];

/** Plan of a committed stack file, with some of its fields changed. */
export const planOf = (stack: Stack, changes: object = {}, catalogue: Catalogue = testCatalogue): Plan => {
  const platform = readStackPlatform(stack) as object;
  return buildPlan(parsePlatform({ ...platform, ...changes }), { stack, catalogue });
};

export const zoneId = "023e105f4ecef8ad9ca31a8372d0c353";

/** Cloudflare's answers while the zone is on the planned plan and the address ranges are current. */
export const answersFor = ({ edge }: Plan): NonNullable<CaptureOptions["calls"]> => ({
  "cloudflare:index/getZone:getZone": { zoneId, id: zoneId, plan: { legacyId: edge.plan } },
  "cloudflare:index/getIpRanges:getIpRanges": {
    ipv4Cidrs: edge.originRanges.ranges.filter((range) => !range.includes(":")),
    ipv6Cidrs: edge.originRanges.ranges.filter((range) => range.includes(":")),
  },
});

export const userDataOf = (_: Plan, machine: string): string => `user data of ${machine}`;

/** Everything a plan's program registers. */
export const captureProgram = (plan: Plan, options: { readonly preview?: boolean } = {}): Promise<Capture> =>
  capture(
    () => {
      createPlatform(plan, userDataOf);
      return {};
    },
    { ...options, stack: plan.stack, calls: answersFor(plan) },
  );
