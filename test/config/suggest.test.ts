import assert from "node:assert/strict";
import { it } from "node:test";
import fc from "fast-check";
import { editDistance, suggest } from "../../config/suggest.ts";

const keys = ["api", "database", "redis", "loadBalancer", "location", "network"];

const cases: readonly (readonly [string, string | null])[] = [
  ["databse", "database"],
  ["loadbalancer", "loadBalancer"],
  ["lodaBalancer", "loadBalancer"],
  ["locaton", "location"],
  ["apis", "api"],
  ["colour", null],
  ["x", null],
  ["", null],
  ["n".repeat(10_000), null],
];

for (const [word, expected] of cases) {
  it(`${word.slice(0, 20) || "nothing"} means ${expected ?? "none of the keys"}`, () =>
    assert.equal(suggest(word, keys), expected));
}

it("a word's distance to itself is 0, and the distance is the same both ways", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
      assert.equal(editDistance(a, a), 0);
      assert.equal(editDistance(a, b), editDistance(b, a));
      assert.ok(editDistance(a, b) <= Math.max(a.length, b.length));
    }),
  );
});

it("a word longer than any key is not compared at all", () =>
  assert.equal(suggest("k".repeat(41), ["k".repeat(41)]), null));

it("a swap of neighbours is one step", () => assert.equal(editDistance("cuont", "count"), 1));
