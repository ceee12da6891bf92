/** `Diff`: what an update would do, property by property. */

import { DEFAULTS } from "./check.ts";
import { differs } from "./compare.ts";
import { type PropertySpec, type PropertyTable, type Shape, settable } from "./spec.ts";
import { containsUnknown, deepEqual, isList, isObject, type Properties, type Value } from "./values.ts";

export type DiffKind = "add" | "delete" | "update";
export type DetailedDiff = ReadonlyMap<string, { readonly kind: DiffKind; readonly replace: boolean }>;

export type Difference = {
  readonly detailed: DetailedDiff;
  /** Top-level properties that changed. */
  readonly changed: readonly string[];
  /** Those of them that force a replacement. */
  readonly replaces: readonly string[];
  /** Outputs that keep their value through an update. */
  readonly stables: readonly string[];
  readonly deleteBeforeReplace: boolean;
};

type Step = readonly [path: string, kind: DiffKind];

const member = (path: string, key: string): string =>
  /^[A-Za-z_$][\w$]*$/.test(key) ? `${path}.${key}` : `${path}["${key.replaceAll('"', '\\"')}"]`;

const kindOf = (before: Value | undefined, after: Value | undefined): DiffKind =>
  before === undefined ? "add" : after === undefined ? "delete" : "update";

/** Paths below `path` where the two values part; the path itself where they cannot be compared piece by piece. */
const paths = (shape: Shape, path: string, before: Value | undefined, after: Value | undefined): readonly Step[] => {
  if (deepEqual(before, after)) {
    return [];
  }
  if (shape.kind === "list" && isList(before) && isList(after)) {
    const length = Math.max(before.length, after.length);
    return Array.from({ length }).flatMap((_, at) => paths(shape.element, `${path}[${at}]`, before[at], after[at]));
  }
  if (
    (shape.kind === "map" || shape.kind === "object" || shape.kind === "any") &&
    isObject(before) &&
    isObject(after)
  ) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((key) => !key.startsWith("__"));
    return keys.flatMap((key) => {
      const inner = shape.kind === "object" ? shape.fields[key]?.shape : shape.kind === "map" ? shape.element : shape;
      return paths(inner ?? { kind: "any" }, member(path, key), before[key], after[key]);
    });
  }
  return [[path, kindOf(before, after)]];
};

const propertyChanged = (
  spec: PropertySpec,
  oldInput: Value | undefined,
  oldOutput: Value | undefined,
  wanted: Value | undefined,
): boolean => {
  if (containsUnknown(wanted)) {
    return !deepEqual(oldInput, wanted);
  }
  if (!differs(spec, wanted, oldInput)) {
    return false;
  }
  // The live value may already be what the program now asks for.
  return spec.unread === true || oldOutput === undefined || differs(spec, wanted, oldOutput);
};

const autonamed = (property: string, inputs: Properties): boolean => {
  const recorded = inputs[DEFAULTS];
  return isList(recorded) && recorded.includes(property);
};

/**
 * Bridged `sdk` providers delete first when the resource carries a name given by the program: its successor could not
 * be created under the same name (pulumi-terraform-bridge, nameRequiresDeleteBeforeReplace).
 */
const nameBlocksSuccessor = (table: PropertyTable, news: Properties): boolean =>
  DEFAULTS in news &&
  Object.entries(table).some(
    ([name, spec]) => spec.autoname === true && news[name] !== undefined && !autonamed(name, news),
  );

export const difference = (
  table: PropertyTable,
  olds: { readonly inputs: Properties; readonly outputs: Properties },
  news: Properties,
): Difference => {
  const detailed = new Map<string, { kind: DiffKind; replace: boolean }>();
  const changed: string[] = [];
  const replaces: string[] = [];
  for (const [name, spec] of Object.entries(table)) {
    const [before, after] = [olds.inputs[name], news[name]];
    if (!settable(spec) || !propertyChanged(spec, before, olds.outputs[name], after)) {
      continue;
    }
    const replace = spec.replace === true;
    changed.push(name);
    replaces.push(...(replace ? [name] : []));
    const steps = paths(spec.shape, name, before, after);
    for (const [path, kind] of steps.length > 0 ? steps : [[name, kindOf(before, after)] as const]) {
      detailed.set(path, { kind, replace });
    }
  }
  const stables = Object.keys(table).filter((name) => table[name]?.replace === true && !replaces.includes(name));
  return {
    detailed,
    changed,
    replaces,
    stables,
    deleteBeforeReplace: replaces.length > 0 && nameBlocksSuccessor(table, news),
  };
};
