import * as pulumi from "@pulumi/pulumi";
import { loadPlatform, loadSecret } from "../config/pulumi.ts";
import { serverTypeCatalogue } from "../cost/catalogue.ts";
import { costOutput } from "../cost/estimate.ts";
import { loadPriceBook } from "../cost/prices/book.ts";
import { renderUserData } from "../ops/render/user-data.ts";
import { buildPlan } from "../plan/build.ts";
import { deliver, noDelivery, planDelivery, readSampleRelease } from "./delivery.ts";
import { reportFaults } from "./faults.ts";
import * as outputs from "./outputs.ts";
import { createPlatform } from "./platform.ts";

// The SDK keeps a stack trace for every promise and installs source-map-support, which reads maps for each frame of it: a
// fifth of a preview's time. Node strips types in place, so positions in this program are right without maps.
Reflect.deleteProperty(Error, "prepareStackTrace");

const book = loadPriceBook();
const decided = reportFaults(() => {
  const plan = buildPlan(loadPlatform(), { stack: pulumi.getStack(), catalogue: serverTypeCatalogue(book) });
  return {
    plan,
    cost: costOutput(plan, book),
    delivery: planDelivery(plan, { secret: loadSecret, sampleRelease: readSampleRelease() }),
  };
});
const platform = createPlatform(decided.plan, renderUserData);
if (decided.delivery === null) void pulumi.log.warn(noDelivery(decided.plan));
else deliver(decided.plan, platform, decided.delivery);

export const endpoints = outputs.endpoints(decided.plan, platform);
export const machines = outputs.machineOutputs(platform);
export const cost = decided.cost;
export const plan = outputs.planSummary(decided.plan);
export const { currentLimits: limits, notes } = decided.plan;
