import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { parsePlatform } from "../../config/parse.ts";
import { locations } from "../../config/schema.ts";
import { readStackPlatform } from "../../config/stack-file.ts";
import { serverTypeCatalogue } from "../../cost/catalogue.ts";
import { loadPriceBook } from "../../cost/prices/book.ts";
import { buildPlan } from "../../plan/build.ts";
import { planOf } from "../support/platform.ts";

const catalogue = serverTypeCatalogue(loadPriceBook());

describe("with the price book's catalogue", () => {
  it("the committed stacks get the types the capacity plan asks for", () => {
    const types = (stack: string) => {
      const { machines } = buildPlan(parsePlatform(readStackPlatform(stack)), { stack, catalogue });
      return [...new Set(machines.map((machine) => `${machine.role} ${machine.serverType}`))];
    };
    assert.deepEqual(types("phase1"), ["server cpx21"]);
    assert.deepEqual(types("phase2"), ["load-balancer cpx21", "api ccx23", "database ccx33", "redis ccx13"]);
    assert.deepEqual(types("phase3"), [
      "load-balancer cpx31",
      "k3s-server ccx33",
      "k3s-agent ccx33",
      "database ccx33",
      "redis ccx23",
    ]);
  });

  it("every phase can be had in every location", () => {
    for (const location of locations) {
      for (const phase of [1, 2, 3] as const) {
        const { machines } = planOf(phase, { location }, catalogue);
        for (const { serverType } of machines) {
          const offer = catalogue.serverTypes.find((type) => type.name === serverType);
          assert.ok(offer?.locations[location]?.orderable, `${serverType} in ${location}`);
        }
      }
    }
  });

  it("phase 1 climbs every step of its location's ladder", () => {
    for (const [location, steps] of [
      ["ash", ["cpx21", "cpx31", "cpx41", "cpx51"]],
      ["fsn1", ["cpx32", "cpx42", "cpx52", "cpx62"]],
    ] as const) {
      for (const serverType of steps) {
        assert.equal(planOf(1, { location, server: { serverType } }, catalogue).machines[0]?.serverType, serverType);
      }
    }
  });
});
