/**
 * Between the names of the Pulumi package (camel case, plural for lists) and those of the API (snake case, mostly
 * singular). Only what the rule does not cover is written down.
 */

import type { Shape } from "../core/spec.ts";
import { isList, isObject, type Properties, type Value } from "../core/values.ts";

export type Name = {
  /** Name in the API where it is not just the snake-case form. */
  readonly to?: string;
  /** Names inside the value. */
  readonly inner?: Names;
  /** The value is a map with keys of the user's own; `dictionary` names what is inside its values. */
  readonly dictionary?: Names;
};
export type Names = { readonly [property: string]: Name };

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());

const renameMembers = (
  value: Properties,
  rename: (key: string, member: Value) => readonly [string, Value],
): Properties => Object.fromEntries(Object.entries(value).map(([key, member]) => rename(key, member)));

const inDictionary = (value: Value, translate: (member: Value) => Value): Value =>
  isObject(value) ? renameMembers(value, (key, member) => [key, translate(member)]) : value;

/** Translates property names for a request body. */
export const toApi = (value: Value, names: Names = {}): Value => {
  if (isList(value)) {
    return value.map((item) => toApi(item, names));
  }
  if (!isObject(value)) {
    return value;
  }
  return renameMembers(value, (key, member) => {
    const name = names[key];
    const { dictionary } = name ?? {};
    const inner =
      dictionary === undefined ? toApi(member, name?.inner) : inDictionary(member, (item) => toApi(item, dictionary));
    return [name?.to ?? snake(key), inner];
  });
};

const propertyFor = (field: string, names: Names): string =>
  Object.keys(names).find((property) => (names[property]?.to ?? snake(property)) === field) ?? camel(field);

/** Translates an answer of the API. */
export const fromApi = (value: Value, names: Names = {}): Value => {
  if (isList(value)) {
    return value.map((item) => fromApi(item, names));
  }
  if (!isObject(value)) {
    return value;
  }
  return renameMembers(value, (field, member) => {
    const property = propertyFor(field, names);
    const { inner, dictionary } = names[property] ?? {};
    return [
      property,
      dictionary === undefined ? fromApi(member, inner) : inDictionary(member, (item) => fromApi(item, dictionary)),
    ];
  });
};

/** Without members the package does not know, and without nulls: the API answers more than a resource holds. */
export const prune = (shape: Shape, value: Value): Value => {
  if ((shape.kind === "list" || shape.kind === "set") && isList(value)) {
    return value.map((item) => prune(shape.element, item));
  }
  if (shape.kind !== "object" || !isObject(value)) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(shape.fields).flatMap(([name, spec]) => {
      const member = value[name];
      return member === undefined || member === null ? [] : [[name, prune(spec.shape, member)]];
    }),
  );
};
