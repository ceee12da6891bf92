/** How the data sources pick one object: by id, by name or another field, or by label selector. */

import { inputsView, type JsonView } from "../../core/json.ts";
import type { Fault } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at } from "../common.ts";

export type Source = { readonly path: string; readonly one: string; readonly many: string; readonly noun: string };

/** Exactly one of the arguments must be given. */
export const exactlyOne =
  (...names: readonly string[]) =>
  (args: Properties): readonly Fault[] =>
    names.filter((name) => args[name] !== undefined).length === 1
      ? []
      : [{ property: names[0] ?? "", reason: `${names[0]}: give exactly one of ${names.join(", ")}` }];

const notFound = (source: Source, by: string): Error => new Error(`${source.noun} with ${by} not found`);

export const byId = async (api: HcloudApi, source: Source, args: Properties): Promise<JsonView | undefined> => {
  if (args.id === undefined) {
    return undefined;
  }
  const id = String(inputsView(args).at("id").number());
  const found = await api.find(at(source.path, id));
  if (found === undefined) {
    throw notFound(source, `id ${id}`);
  }
  return found.at(source.one);
};

/** First object that the query finds. */
export const byQuery = async (
  api: HcloudApi,
  source: Source,
  parameter: string,
  value: string | undefined,
): Promise<JsonView | undefined> => {
  if (value === undefined) {
    return undefined;
  }
  const [first] = await api.list(source.path, source.many, `?${parameter}=${encodeURIComponent(value)}`);
  if (first === undefined) {
    throw notFound(source, `${parameter} "${value}"`);
  }
  return first;
};

/** The only object that carries the labels; the newest one with `mostRecent`. */
export const bySelector = async (
  api: HcloudApi,
  source: Source,
  args: Properties,
  query: string,
): Promise<JsonView> => {
  const view = inputsView(args);
  const selector = view.at("withSelector").stringOr("");
  const found = await api.list(source.path, source.many, `?label_selector=${encodeURIComponent(selector)}${query}`);
  // Times have whole seconds; within one, ids tell the order.
  const newestFirst = found.toSorted(
    (a, b) =>
      b.at("created").stringOr("").localeCompare(a.at("created").stringOr("")) ||
      b.at("id").number() - a.at("id").number(),
  );
  const [first] = newestFirst;
  if (first === undefined) {
    throw notFound(source, `selector "${selector}"`);
  }
  if (found.length > 1 && !view.at("mostRecent").booleanOr(false)) {
    throw new Error(`${found.length} ${source.noun}s match selector "${selector}"; narrow it`);
  }
  return first;
};

/** Text argument or undefined. */
export const optional = (args: Properties, name: string): string | undefined => {
  const value = inputsView(args).at(name);
  return value.present ? value.string() : undefined;
};

export const statusQuery = (args: Properties): string =>
  inputsView(args)
    .at("withStatuses")
    .list()
    .map((status) => `&status=${encodeURIComponent(status.string())}`)
    .join("");

/** Ids of a list, as the data sources hash them into an id of their own. */
export const listId = (items: readonly JsonView[]): string => items.map((item) => item.at("id").number()).join("-");
