import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkInputs, DEFAULTS, type Naming } from "../../../../local/plugins/core/check.ts";
import {
  flag,
  list,
  NUMBER,
  number,
  object,
  oneOf,
  type PropertyTable,
  STRING,
  text,
  textMap,
} from "../../../../local/plugins/core/spec.ts";
import { type Properties, UNKNOWN } from "../../../../local/plugins/core/values.ts";

const TABLE: PropertyTable = {
  name: text("required", { autoname: true }),
  size: number("required", {
    fault: (value) => (Number(value) < 10 ? `${String(value)} given, at least 10` : undefined),
  }),
  mode: oneOf("optional", ["a", "b"]),
  on: flag("optional", { default: false }),
  labels: textMap("optional"),
  ids: list("optional", NUMBER),
  names: list("optional", STRING),
  nested: object("optional", { key: text("required"), deep: flag("optional", { default: true }) }),
  address: text("computed"),
};

const both = (inputs: Properties) =>
  inputs.mode === "a" && inputs.on === true ? [{ property: "mode", reason: "mode: a and on exclude each other" }] : [];

const check = (news: Properties, more: { olds?: Properties; recordDefaults?: boolean; naming?: Naming } = {}) =>
  checkInputs(TABLE, both, { olds: {}, recordDefaults: false, ...more, news });

describe("the check of inputs", () => {
  it("reports every fault with its path, value and rule", () => {
    const { faults } = check({
      size: 4,
      mode: "c",
      on: "maybe",
      labels: ["x"],
      ids: [1, "two"],
      names: [{}],
      nested: { deep: 1, extra: 1 },
      address: "192.0.2.1",
      colour: "red",
    });
    assert.deepEqual(
      faults.map(({ property }) => property).toSorted((a, b) => (a < b ? -1 : 1)),
      [
        "address",
        "colour",
        "ids[1]",
        "labels",
        "mode",
        "name",
        "names[0]",
        "nested.deep",
        "nested.extra",
        "nested.key",
        "on",
        "size",
      ],
    );
    const reason = Object.fromEntries(faults.map((fault) => [fault.property, fault.reason]));
    assert.equal(reason.size, "size: 4 given, at least 10");
    assert.equal(reason.mode, 'mode: "c" given, one of a, b is needed');
    assert.equal(reason.name, "name: missing, it is required");
    assert.match(reason.address ?? "", /chosen by the API/);
    assert.match(reason.colour ?? "", /not a property/);
    assert.equal(reason["ids[1]"], 'ids[1]: "two" given, a number is needed');
  });

  it("looks for contradictions only in inputs that are otherwise right", () => {
    assert.deepEqual(check({ name: "n", size: 10, mode: "a", on: true }).faults, [
      { property: "mode", reason: "mode: a and on exclude each other" },
    ]);
    assert.deepEqual(
      check({ name: "n", size: 1, mode: "a", on: true }).faults.map(({ property }) => property),
      ["size"],
    );
  });

  it("turns texts into the type of the property, as bridged providers do", () => {
    const { inputs, faults } = check({ name: 7, size: "12", on: "true", ids: ["3"], names: [4] });
    assert.deepEqual(faults, []);
    assert.deepEqual(inputs, { name: "7", size: 12, on: true, ids: [3], names: ["4"] });
  });

  it("lets unknown values pass", () => {
    const given = { name: UNKNOWN, size: UNKNOWN, mode: UNKNOWN, ids: UNKNOWN, nested: { key: UNKNOWN } };
    assert.deepEqual(check(given), { inputs: given, faults: [] });
  });

  it("writes defaults and their record only for bridged providers of the older kind", () => {
    const given = { name: "n", size: 10, nested: { key: "k" } };
    assert.deepEqual(check(given).inputs, given);
    assert.deepEqual(check(given, { recordDefaults: true }).inputs, {
      name: "n",
      size: 10,
      on: false,
      nested: { key: "k", deep: true, [DEFAULTS]: ["deep"] },
      [DEFAULTS]: ["on"],
    });
  });
});

describe("names", () => {
  const seed = new Uint8Array([1, 2, 3]);
  const naming: Naming = { resourceName: "web", seed };
  const sdk = { recordDefaults: true, naming };

  it("are generated from the seed, recorded, and kept afterwards", () => {
    const first = check({ size: 10 }, sdk);
    assert.match(String(first.inputs.name), /^web-[0-9a-f]{7}$/);
    assert.deepEqual(check({ size: 10 }, sdk).inputs.name, first.inputs.name);
    assert.deepEqual(first.inputs[DEFAULTS], ["name", "on"]);
    const other = { ...naming, seed: new Uint8Array([9]) };
    const later = check({ size: 10 }, { ...sdk, naming: other, olds: first.inputs });
    assert.equal(later.inputs.name, first.inputs.name);
  });

  it("are generated anew when the program stops giving one", () => {
    const given = check({ name: "fixed", size: 10 }, sdk).inputs;
    assert.deepEqual(given[DEFAULTS], ["on"]);
    assert.match(String(check({ size: 10 }, { ...sdk, olds: given }).inputs.name), /^web-/);
  });

  it("follow the engine's configuration", () => {
    const proposed = (mode: "propose" | "enforce" | "disable") =>
      check({ size: 10 }, { ...sdk, naming: { ...naming, proposed: { name: "prod-web", mode } } });
    assert.equal(proposed("propose").inputs.name, "prod-web");
    assert.equal(proposed("enforce").inputs.name, "prod-web");
    assert.deepEqual(
      proposed("disable").faults.map(({ property }) => property),
      ["name"],
    );
  });
});
