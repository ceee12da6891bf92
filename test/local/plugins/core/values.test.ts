/** Comparing, previewing and importing values, over generated property tables. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { checkInputs } from "../../../../local/plugins/core/check.ts";
import { differs } from "../../../../local/plugins/core/compare.ts";
import { difference } from "../../../../local/plugins/core/diff.ts";
import {
  fields,
  flag,
  list,
  number,
  NUMBER,
  object,
  type PropertyTable,
  set,
  STRING,
  text,
  textMap,
} from "../../../../local/plugins/core/spec.ts";
import {
  forecastCreate,
  forecastUpdate,
  inputsAfterRead,
  outputsAfterRead,
} from "../../../../local/plugins/core/state.ts";
import { fromStruct, type Properties, toStruct, UNKNOWN, type Value } from "../../../../local/plugins/core/values.ts";

const TABLE: PropertyTable = {
  name: text("required"),
  place: text("optionalComputed", { replace: true }),
  count: number("optional", { default: 3 }),
  on: flag("optional", { default: false }),
  labels: textMap("optional"),
  members: set("optional", NUMBER),
  order: list("optional", STRING),
  inner: object("optional", { key: text("required"), chosen: number("optionalComputed") }),
  parts: set(
    "optional",
    fields({ port: text("optional"), ips: { presence: "optional", shape: { kind: "set", element: STRING } } }),
  ),
  secret: text("optional", { unread: true, replace: true, stored: (value) => `#${String(value).length}` }),
  address: text("computed"),
};

const word = fc.stringMatching(/^[a-z]{1,6}$/);
const some = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

const present = (record: Readonly<Record<string, Value | undefined>>): Properties =>
  Object.fromEntries(Object.entries(record).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));

const inputs: fc.Arbitrary<Properties> = fc
  .record({
    name: word,
    place: some(word),
    count: some(fc.nat(5)),
    on: some(fc.boolean()),
    labels: some(fc.dictionary(word, word, { maxKeys: 3, noNullPrototype: true })),
    members: some(fc.uniqueArray(fc.nat(20), { maxLength: 4 })),
    order: some(fc.array(word, { maxLength: 4 })),
    inner: some(fc.record({ key: word }, { noNullPrototype: true })),
    parts: some(
      fc.array(fc.record({ port: some(word), ips: some(fc.uniqueArray(word, { maxLength: 3 })) }).map(present), {
        maxLength: 3,
      }),
    ),
    secret: some(word),
  })
  .map((record) => present(record));

/** What an API would answer for the inputs: defaults and its own choices filled in, sets in another order. */
const live = (given: Properties): Properties => ({
  name: given.name ?? "",
  place: given.place ?? "chosen-place",
  count: given.count ?? 3,
  on: given.on ?? false,
  labels: given.labels ?? {},
  members: [...((given.members ?? []) as readonly Value[])].reverse(),
  order: given.order ?? [],
  ...(given.inner === undefined ? {} : { inner: { ...(given.inner as Properties), chosen: 7 } }),
  parts: [...((given.parts ?? []) as readonly Properties[])]
    .reverse()
    .map((part) => ({ ...part, ips: [...((part.ips ?? []) as readonly Value[])].reverse() })),
  address: "192.0.2.1",
});

const olds = (given: Properties): { inputs: Properties; outputs: Properties } => ({
  inputs: given,
  outputs: { ...live(given), ...(given.secret === undefined ? {} : { secret: "#" }) },
});

describe("the difference", () => {
  it("is empty between a resource and the same inputs", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const result = difference(TABLE, olds(given), given);
        assert.deepEqual([result.changed, result.replaces, result.detailed.size], [[], [], 0]);
      }),
    );
  });

  it("names a property exactly when the new inputs ask for something else", () => {
    fc.assert(
      fc.property(inputs, inputs, (before, after) => {
        const { changed } = difference(TABLE, olds(before), after);
        const expected = Object.keys(TABLE).filter((name) => {
          const spec = TABLE[name];
          return (
            spec !== undefined &&
            spec.presence !== "computed" &&
            differs(spec, after[name], before[name]) &&
            (spec.unread === true || differs(spec, after[name], live(before)[name]))
          );
        });
        assert.deepEqual(changed, expected);
      }),
    );
  });

  it("replaces for the properties that cannot change, and says which stay", () => {
    const before = { name: "a", place: "here", secret: "one" };
    const moved = difference(TABLE, olds(before), { name: "b", place: "there", secret: "one" });
    assert.deepEqual([moved.changed, moved.replaces, moved.stables], [["name", "place"], ["place"], ["secret"]]);
    assert.deepEqual(
      [...moved.detailed],
      [
        ["name", { kind: "update", replace: false }],
        ["place", { kind: "update", replace: true }],
      ],
    );
    assert.deepEqual(difference(TABLE, olds(before), { name: "a", place: "here", secret: "two" }).replaces, ["secret"]);
  });

  it("leaves alone what the API chose and the program leaves out", () => {
    assert.deepEqual(difference(TABLE, olds({ name: "a", place: "here" }), { name: "a" }).changed, []);
  });

  it("points to the member that changed", () => {
    const before = { name: "a", labels: { "x/y": "1", z: "2" }, order: ["p", "q"], inner: { key: "k" } };
    const after = { name: "a", labels: { "x/y": "3", w: "4" }, order: ["p", "r", "s"], inner: { key: "l" } };
    const { detailed } = difference(TABLE, olds(before), after);
    assert.deepEqual(Object.fromEntries([...detailed].map(([path, { kind }]) => [path, kind])), {
      'labels["x/y"]': "update",
      "labels.z": "delete",
      "labels.w": "add",
      "order[1]": "update",
      "order[2]": "add",
      "inner.key": "update",
    });
  });

  it("takes an unknown value for a change, but not twice", () => {
    const before = { name: "a", place: "here" };
    assert.deepEqual(difference(TABLE, olds(before), { name: UNKNOWN, place: "here" }).changed, ["name"]);
    assert.deepEqual(difference(TABLE, olds({ name: UNKNOWN }), { name: UNKNOWN }).changed, []);
  });

  it("ignores a change that reality already has", () => {
    const drifted = { inputs: { name: "a" }, outputs: { ...live({ name: "a" }), name: "b" } };
    assert.deepEqual(difference(TABLE, drifted, { name: "b" }).changed, []);
  });
});

describe("after a read", () => {
  it("inputs stay as the program gave them while nothing drifted", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        assert.deepEqual(inputsAfterRead(TABLE, given, live(given)), given);
      }),
    );
  });

  it("drift shows in the inputs, and putting the inputs back is a difference", () => {
    fc.assert(
      fc.property(inputs, inputs, (given, other) => {
        const found = live(other);
        const read = inputsAfterRead(TABLE, given, found);
        const outputs = outputsAfterRead(TABLE, olds(given).outputs, found);
        const { changed } = difference(TABLE, { inputs: read, outputs }, given);
        const drifted = Object.keys(TABLE).filter((name) => {
          const spec = TABLE[name];
          return (
            spec !== undefined &&
            spec.presence !== "computed" &&
            spec.unread !== true &&
            differs(spec, given[name], found[name])
          );
        });
        assert.deepEqual(changed, drifted);
      }),
    );
  });

  it("an import describes the resource so that the same program changes nothing", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const { secret: _, ...readable } = given;
        const imported = inputsAfterRead(TABLE, undefined, live(readable));
        const { inputs: again, faults } = checkInputs(TABLE, undefined, {
          olds: {},
          news: imported,
          recordDefaults: false,
        });
        assert.deepEqual(faults, []);
        const { changed } = difference(TABLE, { inputs: imported, outputs: live(readable) }, again);
        assert.deepEqual(changed, []);
      }),
    );
  });

  it("keeps what the API never shows", () => {
    const given = { name: "a", secret: "hidden" };
    assert.equal(inputsAfterRead(TABLE, given, live(given)).secret, "hidden");
    assert.equal(outputsAfterRead(TABLE, { secret: "#6" }, live(given)).secret, "#6");
  });
});

describe("a preview", () => {
  it("knows what the program gave, the defaults, and that the API will choose the rest", () => {
    const given = { name: "a", inner: { key: "k" }, secret: "hidden" };
    assert.deepEqual(forecastCreate(TABLE, given), {
      name: "a",
      place: UNKNOWN,
      count: 3,
      on: false,
      inner: { key: "k", chosen: UNKNOWN },
      secret: "#6",
      address: UNKNOWN,
    });
  });

  it("of an update keeps what the API chose before", () => {
    const before = olds({ name: "a" });
    const forecast = forecastUpdate(TABLE, before.outputs, { name: "b" });
    assert.deepEqual([forecast.name, forecast.place, forecast.address], ["b", "chosen-place", "192.0.2.1"]);
  });

  it("agrees with the result wherever it claims to know", () => {
    fc.assert(
      fc.property(inputs, (given) => {
        const { secret: _, ...readable } = given;
        const result = live(readable);
        for (const [name, value] of Object.entries(forecastCreate(TABLE, readable))) {
          const spec = TABLE[name];
          if (value !== UNKNOWN && name !== "inner" && spec !== undefined) {
            assert.ok(!differs({ ...spec, presence: "required" }, value, result[name]), name);
          }
        }
      }),
    );
  });
});

describe("values on the wire", () => {
  it("survive, apart from nulls, which the SDK sends for what was left out", () => {
    const value = fc.letrec<{ value: Value }>((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.boolean(),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map((item) => item + 0),
        fc.string(),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(word, tie("value"), { maxKeys: 3, noNullPrototype: true }),
      ),
    })).value;
    fc.assert(
      fc.property(fc.dictionary(word, value, { maxKeys: 4, noNullPrototype: true }), (properties) => {
        assert.deepEqual(fromStruct(toStruct(properties)), properties);
      }),
    );
    assert.deepEqual(fromStruct(toStruct({ a: null, b: { c: null, d: 1 } })), { b: { d: 1 } });
  });
});
