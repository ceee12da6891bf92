/** From live resources to the outputs and inputs the engine keeps, and their forecast in a preview. */

import { DEFAULTS } from "./check.ts";
import { differs } from "./compare.ts";
import { apiChooses, type PropertySpec, type PropertyTable, type Shape, settable } from "./spec.ts";
import { isEmpty, isList, isObject, type Properties, UNKNOWN, type Value } from "./values.ts";

const stored = (spec: PropertySpec, value: Value): Value =>
  spec.stored === undefined || value === UNKNOWN ? value : spec.stored(value);

/** Values the API does not show, as state keeps them. */
const unreadFrom = (table: PropertyTable, inputs: Properties): Properties =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, spec]) => {
      const value = inputs[name] ?? spec.default;
      return spec.unread === true && value !== undefined ? [[name, stored(spec, value)]] : [];
    }),
  );

/** Live values, in the spelling that is known already where the two mean the same. */
const inKnownSpelling = (table: PropertyTable, known: Properties, live: Properties): Properties =>
  Object.fromEntries(
    Object.entries(live).map(([name, value]) => {
      const before = known[name];
      return [name, before !== undefined && table[name]?.same?.(before, value) === true ? before : value];
    }),
  );

/** Outputs after a create or an update: what the API shows, and the inputs it does not show. */
export const outputsAfter = (table: PropertyTable, inputs: Properties, live: Properties): Properties => ({
  ...unreadFrom(table, inputs),
  ...inKnownSpelling(table, inputs, live),
});

/** Outputs after a refresh: unread values stay what they were in state. */
export const outputsAfterRead = (table: PropertyTable, state: Properties, live: Properties): Properties => ({
  ...Object.fromEntries(
    Object.entries(table).flatMap(([name, spec]) => {
      const value = state[name];
      return spec.unread === true && value !== undefined ? [[name, value]] : [];
    }),
  ),
  ...inKnownSpelling(table, state, live),
});

/** Nested values without what only the API may set; the API's own fields would be rejected as inputs. */
const asInput = (shape: Shape, value: Value): Value => {
  if ((shape.kind === "list" || shape.kind === "set") && isList(value)) {
    return value.map((item) => asInput(shape.element, item));
  }
  if (shape.kind !== "object" || !isObject(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, item]) => {
      const spec = shape.fields[name];
      return spec === undefined || !settable(spec) ? [] : [[name, asInput(spec.shape, item)]];
    }),
  );
};

const asInputOrNothing = (spec: PropertySpec, live: Value | undefined): Value | undefined =>
  live === undefined ? undefined : asInput(spec.shape, live);

const inputAfterRead = (spec: PropertySpec, before: Value | undefined, live: Value | undefined): Value | undefined => {
  if (spec.unread === true) {
    return before;
  }
  if (before !== undefined) {
    return differs(spec, before, live) ? asInputOrNothing(spec, live) : before;
  }
  return apiChooses(spec) || !differs(spec, undefined, live) ? undefined : asInputOrNothing(spec, live);
};

const importedInput = (spec: PropertySpec, live: Value | undefined): Value | undefined =>
  spec.unread === true ||
  spec.unimported === true ||
  (isEmpty(live) && spec.presence !== "required" && spec.default === undefined)
    ? undefined
    : asInputOrNothing(spec, live);

/**
 * The inputs that describe the live resource: those the program gave, changed where reality drifted.
 * @param inputs undefined for an import, which describes everything that is set
 */
export const inputsAfterRead = (table: PropertyTable, inputs: Properties | undefined, live: Properties): Properties => {
  const entries = Object.entries(table).flatMap(([name, spec]) => {
    if (!settable(spec)) {
      return [];
    }
    const value =
      inputs === undefined ? importedInput(spec, live[name]) : inputAfterRead(spec, inputs[name], live[name]);
    return value === undefined || value === null ? [] : [[name, value] as const];
  });
  const recorded = inputs?.[DEFAULTS];
  return Object.fromEntries(recorded === undefined ? entries : [...entries, [DEFAULTS, recorded]]);
};

/** A nested value with the unknown sentinel for each field the API will choose. */
const forecastValue = (shape: Shape, value: Value): Value => {
  if ((shape.kind === "list" || shape.kind === "set") && isList(value)) {
    return value.map((item) => forecastValue(shape.element, item));
  }
  if (shape.kind !== "object" || !isObject(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(shape.fields).flatMap(([name, spec]) => {
      const given = value[name] ?? spec.default;
      if (given !== undefined) {
        return [[name, forecastValue(spec.shape, given)]];
      }
      return apiChooses(spec) ? [[name, UNKNOWN]] : [];
    }),
  );
};

const forecastProperty = (spec: PropertySpec, given: Value | undefined): Value | undefined => {
  const value = given ?? (settable(spec) ? spec.default : undefined);
  if (value !== undefined) {
    return stored(spec, forecastValue(spec.shape, value));
  }
  return apiChooses(spec) ? UNKNOWN : undefined;
};

/** Outputs of a create that has not happened yet. */
export const forecastCreate = (table: PropertyTable, inputs: Properties): Properties =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, spec]) => {
      const value = forecastProperty(spec, inputs[name]);
      return value === undefined ? [] : [[name, value]];
    }),
  );

/** Outputs of an update that has not happened yet: what the API chose earlier stays. */
export const forecastUpdate = (table: PropertyTable, state: Properties, inputs: Properties): Properties =>
  Object.fromEntries(
    Object.entries(table).flatMap(([name, spec]) => {
      const given = inputs[name];
      const kept = given === undefined && apiChooses(spec) ? state[name] : undefined;
      const value = kept ?? forecastProperty(spec, given);
      return value === undefined ? [] : [[name, value]];
    }),
  );
