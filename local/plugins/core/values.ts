/** Property values as the engine sends them, secrets already removed (see {@link ./service.ts}). */

import type { Struct } from "google-protobuf/google/protobuf/struct_pb.js";
import structPb from "google-protobuf/google/protobuf/struct_pb.js";

export type Value = null | boolean | number | string | readonly Value[] | { readonly [key: string]: Value };
export type Properties = { readonly [key: string]: Value };

/** Sentinel the engine uses for a value that is known only after an update (pulumi/sdk plugin.UnknownStringValue). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

export const isList = (value: Value | undefined): value is readonly Value[] => Array.isArray(value);
export const isObject = (value: Value | undefined): value is Properties =>
  typeof value === "object" && value !== null && !Array.isArray(value);

export const containsUnknown = (value: Value | undefined): boolean => {
  if (isList(value)) {
    return value.some(containsUnknown);
  }
  return isObject(value) ? Object.values(value).some(containsUnknown) : value === UNKNOWN;
};

/** Null, empty text, list, map, `false` and 0: what an API shows for something that was never set. */
export const isEmpty = (value: Value | undefined): boolean => {
  if (isList(value)) {
    return value.length === 0;
  }
  return isObject(value)
    ? Object.keys(value).length === 0
    : value === undefined || value === null || value === "" || value === false || value === 0;
};

export const deepEqual = (left: Value | undefined, right: Value | undefined): boolean => {
  if (isList(left) && isList(right)) {
    return left.length === right.length && left.every((item, at) => deepEqual(item, right[at]));
  }
  if (isObject(left) && isObject(right)) {
    const keys = new Set([...Object.keys(left), ...Object.keys(right)]);
    return [...keys].every((key) => deepEqual(left[key], right[key]));
  }
  return left === right;
};

/** The same value without null members: the SDK sends null where the program left a nested property out. */
const withoutNulls = (value: Value): Value => {
  if (isList(value)) {
    return value.map(withoutNulls);
  }
  if (!isObject(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, member]) => (member === null ? [] : [[key, withoutNulls(member)]])),
  );
};

export const fromStruct = (struct: Struct | undefined): Properties =>
  struct === undefined ? {} : (withoutNulls(struct.toJavaScript() as Properties) as Properties);

export const toStruct = (properties: Properties): Struct =>
  structPb.Struct.fromJavaScript(withoutNulls(properties) as { [key: string]: string });
