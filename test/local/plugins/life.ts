/** The life every resource type must be able to lead; the tests of a type add what is particular to it. */

import assert from "node:assert/strict";
import { UNKNOWN, type Properties, type Value } from "../../../local/plugins/core/values.ts";
import type { Provider, Resource } from "./provider.ts";

export type Life = {
  readonly inputs: Properties;
  /** Id an import may use, from the resource; the resource's own where left out. */
  readonly importId?: (made: Resource) => string;
  /** Inputs an import cannot find out. */
  readonly hidden?: readonly string[];
};

const knownOf = (value: Value): Value => {
  if (Array.isArray(value)) {
    return value.map(knownOf);
  }
  return typeof value === "object" && value !== null
    ? Object.fromEntries(
        Object.entries(value as Properties).flatMap(([key, item]) =>
          item === UNKNOWN || key.startsWith("__") ? [] : [[key, knownOf(item)]],
        ),
      )
    : value;
};

/** Everything the preview claims to know must be so afterwards. */
const assertForecast = (forecast: Properties, made: Resource): void => {
  for (const [name, value] of Object.entries(forecast)) {
    if (value === UNKNOWN) {
      assert.ok(name in made.outputs || made.outputs[name] === undefined);
    } else if (Array.isArray(value) && value.length === 0) {
      assert.deepEqual(made.outputs[name] ?? [], []);
    } else {
      assert.partialDeepStrictEqual({ [name]: made.outputs[name] }, { [name]: knownOf(value) });
    }
  }
};

/** Preview, create, refresh and import; gives the resource. */
export const bear = async (provider: Provider, type: string, life: Life): Promise<Resource> => {
  const forecast = await provider.previewCreate(type, life.inputs);
  const made = await provider.create(type, life.inputs);
  assertForecast(forecast, made);
  assert.equal((await provider.diff(type, made, life.inputs)).changed, false, "the same program changes nothing");

  const refreshed = await provider.read(type, made);
  assert.deepEqual(refreshed, made, "a refresh finds what the creation left");

  const imported = await provider.read(type, { id: life.importId?.(made) ?? made.id });
  assert.ok(imported !== undefined, "it can be imported");
  assert.equal(imported.id, made.id);
  const hidden = life.hidden ?? [];
  const { faults } = await provider.check(type, imported.inputs);
  const invalid = faults.filter(({ property }) => !hidden.includes(property));
  assert.deepEqual(invalid, [], "the inputs of an import are valid");
  const difference = await provider.diff(type, imported, life.inputs);
  const unexpected = Object.keys(difference.detailed).filter((path) => !hidden.includes(path));
  assert.deepEqual(unexpected, [], "an import is what the program asked for");
  return made;
};

/** Removes twice, as after a crash between deletion and the note of it. */
export const bury = async (provider: Provider, type: string, resource: Resource): Promise<void> => {
  await provider.remove(type, resource);
  assert.equal(await provider.read(type, resource), undefined);
  await provider.remove(type, resource);
};

/** Updates and checks that nothing is left to change. */
export const grow = async (
  provider: Provider,
  type: string,
  resource: Resource,
  inputs: Properties,
  expected: { readonly changed: readonly string[] },
): Promise<Resource> => {
  const difference = await provider.diff(type, resource, inputs);
  assert.deepEqual([...difference.replaces], []);
  const tops = new Set(Object.keys(difference.detailed).map((path) => path.split(/[.[]/)[0]));
  assert.deepEqual(tops, new Set(expected.changed));
  const updated = await provider.update(type, resource, inputs);
  assert.deepEqual(await provider.read(type, updated), updated);
  assert.equal((await provider.diff(type, updated, inputs)).changed, false);
  return updated;
};

/** Properties of which each change alone asks for a new resource. */
export const assertReplacedBy = async (
  provider: Provider,
  type: string,
  resource: Resource,
  changes: Properties,
): Promise<void> => {
  for (const [name, value] of Object.entries(changes)) {
    const { replaces } = await provider.diff(type, resource, { ...resource.inputs, [name]: value });
    assert.deepEqual(replaces, [name], `${name} cannot change in place`);
  }
};
