/** When two property values mean the same. All comparisons are directional: does `actual` satisfy `wanted`? */

import { apiChooses, type PropertySpec, type PropertyTable, type Shape } from "./spec.ts";
import { deepEqual, isEmpty, isList, isObject, type Value } from "./values.ts";

const sameSet = (element: Shape, wanted: readonly Value[], actual: readonly Value[]): boolean => {
  const rest = [...actual];
  return (
    wanted.length === actual.length &&
    wanted.every((item) => {
      const at = rest.findIndex((candidate) => sameShape(element, item, candidate));
      return at >= 0 && rest.splice(at, 1).length === 1;
    })
  );
};

const sameFields = (
  table: PropertyTable,
  wanted: { readonly [key: string]: Value },
  actual: { readonly [key: string]: Value },
): boolean => Object.entries(table).every(([name, spec]) => !differs(spec, wanted[name], actual[name]));

const sameMap = (
  element: Shape,
  wanted: { readonly [key: string]: Value },
  actual: { readonly [key: string]: Value },
): boolean => {
  const keys = Object.keys(wanted).filter((key) => !key.startsWith("__"));
  return (
    keys.length === Object.keys(actual).filter((key) => !key.startsWith("__")).length &&
    keys.every((key) => {
      const [left, right] = [wanted[key], actual[key]];
      return left !== undefined && right !== undefined && sameShape(element, left, right);
    })
  );
};

const sameShape = (shape: Shape, wanted: Value, actual: Value): boolean => {
  switch (shape.kind) {
    case "list":
      return (
        isList(wanted) &&
        isList(actual) &&
        wanted.length === actual.length &&
        wanted.every((item, at) => sameShape(shape.element, item, actual[at] ?? null))
      );
    case "set":
      return isList(wanted) && isList(actual) && sameSet(shape.element, wanted, actual);
    case "map":
      return isObject(wanted) && isObject(actual) && sameMap(shape.element, wanted, actual);
    case "object":
      return isObject(wanted) && isObject(actual) && sameFields(shape.fields, wanted, actual);
    case "any":
      return deepEqual(wanted, actual);
    default:
      // "8080" and 8080 are one setting: bridged providers turn each into the type of the property.
      return String(wanted) === String(actual) || (shape.kind === "string" && shape.same?.(wanted, actual) === true);
  }
};

/** True when `actual` must change to become `wanted`. A left-out property asks for its default, or for nothing. */
export const differs = (spec: PropertySpec, wanted: Value | undefined, actual: Value | undefined): boolean => {
  if (wanted === undefined || wanted === null) {
    if (apiChooses(spec) || spec.keptWhenOmitted === true) {
      return false;
    }
    return spec.default === undefined
      ? !isEmpty(actual)
      : differs({ ...spec, presence: "required" }, spec.default, actual);
  }
  if (actual === undefined || actual === null) {
    return spec.default === undefined ? !isEmpty(wanted) : !deepEqual(wanted, spec.default);
  }
  return !(sameShape(spec.shape, wanted, actual) || spec.same?.(wanted, actual) === true);
};
