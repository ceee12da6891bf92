/** `Check`: types, defaults, names and contradictions of the inputs; every fault is reported. */

import { createHash, randomBytes } from "node:crypto";
import { type Fault, type PropertySpec, type PropertyTable, type Shape, settable } from "./spec.ts";
import { containsUnknown, isList, isObject, type Properties, UNKNOWN, type Value } from "./values.ts";

/** Names of the inputs that were filled in, as bridged providers record them in the inputs themselves. */
export const DEFAULTS = "__defaults";

/** The engine's wishes about a generated name. `mode` is that of `CheckRequest.AutonamingOptions`. */
export type Naming = {
  readonly resourceName: string;
  readonly seed: Uint8Array;
  readonly proposed?: { readonly name: string; readonly mode: "propose" | "enforce" | "disable" };
};

export type Checked = { readonly inputs: Properties; readonly faults: readonly Fault[] };

const sorted = (names: readonly string[]): readonly string[] => names.toSorted((a, b) => (a < b ? -1 : 1));

type Collected = { readonly faults: Fault[]; readonly recordDefaults: boolean };

const describe = (value: Value): string => (typeof value === "string" ? `"${value}"` : JSON.stringify(value));

const wrong = (path: string, value: Value, rule: string): Fault => ({
  property: path,
  reason: `${path}: ${describe(value)} given, ${rule}`,
});

const toNumber = (value: Value): number | undefined => {
  if (typeof value === "number") {
    return value;
  }
  return typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value)) ? Number(value) : undefined;
};

const toBoolean = (value: Value): boolean | undefined =>
  typeof value === "boolean" ? value : value === "true" ? true : value === "false" ? false : undefined;

const checkScalar = (shape: Shape, path: string, value: Value, out: Collected): Value => {
  if (shape.kind === "number") {
    const converted = toNumber(value);
    out.faults.push(...(converted === undefined ? [wrong(path, value, "a number is needed")] : []));
    return converted ?? value;
  }
  if (shape.kind === "boolean") {
    const converted = toBoolean(value);
    out.faults.push(...(converted === undefined ? [wrong(path, value, "true or false is needed")] : []));
    return converted ?? value;
  }
  if (isList(value) || isObject(value)) {
    out.faults.push({
      property: path,
      reason: `${path}: ${isList(value) ? "a list" : "an object"} given, text is needed`,
    });
    return value;
  }
  const converted = String(value);
  if (shape.kind === "string" && shape.oneOf !== undefined && !shape.oneOf.includes(converted)) {
    out.faults.push(wrong(path, converted, `one of ${shape.oneOf.join(", ")} is needed`));
  }
  return converted;
};

const checkShape = (shape: Shape, path: string, value: Value, out: Collected): Value => {
  if (value === UNKNOWN || shape.kind === "any") {
    return value;
  }
  switch (shape.kind) {
    case "list":
    case "set":
      if (!isList(value)) {
        out.faults.push({ property: path, reason: `${path}: a list is needed` });
        return value;
      }
      return value.map((item, at) => checkShape(shape.element, `${path}[${at}]`, item, out));
    case "map":
      if (!isObject(value)) {
        out.faults.push({ property: path, reason: `${path}: a map is needed` });
        return value;
      }
      return Object.fromEntries(
        Object.entries(value).map(([key, item]) => [key, checkShape(shape.element, `${path}.${key}`, item, out)]),
      );
    case "object":
      if (!isObject(value)) {
        out.faults.push({ property: path, reason: `${path}: an object is needed` });
        return value;
      }
      return checkFields(shape.fields, `${path}.`, value, out);
    default:
      return checkScalar(shape, path, value, out);
  }
};

const checkProperty = (spec: PropertySpec, path: string, value: Value, out: Collected): Value => {
  const before = out.faults.length;
  const converted = checkShape(spec.shape, path, value, out);
  const fault = out.faults.length > before || containsUnknown(converted) ? undefined : spec.fault?.(converted);
  if (fault !== undefined) {
    out.faults.push({ property: path, reason: `${path}: ${fault}` });
  }
  return converted;
};

const unknownKeys = (table: PropertyTable, prefix: string, inputs: Properties): readonly Fault[] =>
  Object.keys(inputs)
    .filter((key) => !key.startsWith("__") && !(table[key] !== undefined && settable(table[key])))
    .map((key) => ({
      property: `${prefix}${key}`,
      reason:
        table[key] === undefined
          ? `${prefix}${key}: not a property of this type; remove it or correct its name`
          : `${prefix}${key}: chosen by the API, cannot be set; remove it`,
    }));

const checkFields = (table: PropertyTable, prefix: string, inputs: Properties, out: Collected): Properties => {
  out.faults.push(...unknownKeys(table, prefix, inputs));
  const filled: string[] = [];
  const entries = Object.entries(table).flatMap(([name, spec]): readonly (readonly [string, Value])[] => {
    const given = inputs[name];
    if (given !== undefined && settable(spec)) {
      return [[name, checkProperty(spec, `${prefix}${name}`, given, out)]];
    }
    if (spec.default !== undefined && settable(spec) && out.recordDefaults) {
      filled.push(name);
      return [[name, spec.default]];
    }
    if (spec.presence === "required") {
      out.faults.push({ property: `${prefix}${name}`, reason: `${prefix}${name}: missing, it is required` });
    }
    return [];
  });
  return Object.fromEntries(out.recordDefaults ? [...entries, [DEFAULTS, sorted(filled)]] : entries);
};

const generatedName = (naming: Naming): string => {
  const seed = naming.seed.length > 0 ? naming.seed : randomBytes(16);
  // Seven hexadecimal digits, as bridged providers add them.
  return `${naming.resourceName}-${createHash("sha256").update(seed).digest("hex").slice(0, 7)}`;
};

const nameFor = (property: string, olds: Properties, naming: Naming): Value | undefined => {
  const { proposed } = naming;
  if (proposed?.mode === "enforce") {
    return proposed.name;
  }
  const earlier = olds[property];
  const recorded = olds[DEFAULTS];
  if (earlier !== undefined && (!isList(recorded) || recorded.includes(property))) {
    return earlier;
  }
  if (proposed?.mode === "disable") {
    return undefined;
  }
  return proposed?.mode === "propose" && proposed.name !== "" ? proposed.name : generatedName(naming);
};

const withNames = (table: PropertyTable, olds: Properties, news: Properties, naming: Naming): Properties => {
  const names = Object.entries(table).flatMap(([property, spec]): readonly (readonly [string, Value])[] => {
    const name = spec.autoname === true && news[property] === undefined ? nameFor(property, olds, naming) : undefined;
    return name === undefined ? [] : [[property, name]];
  });
  return { ...news, ...Object.fromEntries(names) };
};

/** Fields of the names that {@link withNames} filled in, added to the record of the top level. */
const recordNames = (table: PropertyTable, given: Properties, checked: Properties): Properties => {
  const recorded = checked[DEFAULTS];
  if (!isList(recorded)) {
    return checked;
  }
  const named = Object.keys(table).filter((key) => table[key]?.autoname && given[key] === undefined && key in checked);
  return { ...checked, [DEFAULTS]: sorted([...recorded.map(String), ...named]) };
};

/**
 * Checks the inputs of a resource, a function or a provider.
 * @param recordDefaults write defaults and the names of the filled-in properties into the inputs
 */
export const checkInputs = (
  table: PropertyTable,
  contradictions: ((inputs: Properties) => readonly Fault[]) | undefined,
  request: {
    readonly olds: Properties;
    readonly news: Properties;
    readonly recordDefaults: boolean;
    readonly naming?: Naming;
  },
): Checked => {
  const { olds, news, recordDefaults, naming } = request;
  const named = naming === undefined ? news : withNames(table, olds, news, naming);
  const faults: Fault[] = [];
  const checked = checkFields(table, "", named, { faults, recordDefaults });
  const inputs = recordNames(table, news, checked);
  // A contradiction found while values are missing or mistyped would only repeat those faults.
  faults.push(...(faults.length === 0 ? (contradictions?.(inputs) ?? []) : []));
  return { inputs, faults };
};
