import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { PlacementGroups } from "../../components/placement/placement-groups.ts";
import type { PlacementGroupPlan } from "../../plan/types.ts";
import { capture } from "../support/capture.ts";
import { labels, resource } from "./fixtures.ts";

const group = (size: number): PlacementGroupPlan => ({
  name: "data",
  providerName: "chitlaq-test-data",
  machines: Array.from({ length: size }, (_, index) => `db-${index + 1}`),
  labels,
});

const captureGroups = (size: number) =>
  capture(() => ({ id: new PlacementGroups("placement", { placementGroups: [group(size)] }).id("data") }));

describe("placement groups", () => {
  it("spread their machines over hosts", async () => {
    const captured = await captureGroups(10);
    assert.deepEqual(resource(captured, "placement-data").inputs, {
      name: "chitlaq-test-data",
      type: "spread",
      labels,
    });
    assert.equal(typeof captured.outputs.id, "number");
  });

  it("refuse an eleventh machine", async () => {
    await assert.rejects(
      captureGroups(11),
      /placement group "data" holds 11 machines, Hetzner allows 10; use a second/,
    );
  });
});
