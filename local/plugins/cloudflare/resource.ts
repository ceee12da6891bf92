/** The two kinds of resource of this API: objects with an id of their own, and settings that always exist. */

import type { JsonView } from "../core/json.ts";
import { inputsView } from "../core/json.ts";
import { type Fault, type ResourceDefinition, settable } from "../core/spec.ts";
import { isObject, type Properties, type Value } from "../core/values.ts";
import type { CloudflareApi, Headers } from "./api.ts";
import { fromApi, type Names, prune, toApi } from "./names.ts";

export type CloudflareResource = ResourceDefinition<CloudflareApi>;

type Common = {
  readonly token: string;
  readonly properties: CloudflareResource["properties"];
  readonly names?: Names;
  /** Properties that stand in the path; an import names them before the id, separated by slashes. */
  readonly owners: readonly string[];
  readonly contradictions?: (inputs: Properties) => readonly Fault[];
  /** Changes to the state as translated from the API. */
  readonly adjust?: (state: Properties, live: JsonView) => Properties;
};

/** Text of a property that stands in a path. */
export const part = (properties: Properties, name: string): string =>
  encodeURIComponent(inputsView(properties).at(name).string());

/** What the program gave, translated, without what stands in the path. */
export const requestBody = ({ properties, names, owners }: Common, inputs: Properties): Properties => {
  const given = Object.entries(inputs).filter(
    ([name]) =>
      !name.startsWith("__") && !owners.includes(name) && properties[name] !== undefined && settable(properties[name]),
  );
  return toApi(Object.fromEntries(given), names) as Properties;
};

/** State of an object as the API shows it. */
const stateOf = (common: Common, known: Properties, live: JsonView): Properties => {
  const translated = fromApi(live.object(), common.names);
  const owners = Object.fromEntries(
    common.owners.flatMap((name) => (known[name] === undefined ? [] : [[name, known[name]]])),
  );
  const pruned = prune({ kind: "object", fields: common.properties }, { ...(translated as Properties), ...owners });
  const state: Properties = isObject(pruned) ? pruned : {};
  return common.adjust?.(state, live) ?? state;
};

type Imported = { readonly id: string; readonly known: Properties };

/** Owner and id from `<owner>/<id>`; in a refresh the owner is in state already. */
export const locate = (owners: readonly string[], id: string, known: Properties): Imported => {
  const missing = owners.filter((name) => known[name] === undefined);
  const segments = id.split("/");
  if (missing.length === 0 || segments.length <= missing.length) {
    return { id: segments.at(-1) ?? id, known };
  }
  const named = Object.fromEntries(missing.map((name, at): [string, Value] => [name, segments[at] ?? ""]));
  return { id: segments.slice(missing.length).join("/"), known: { ...known, ...named } };
};

type ObjectOptions = Common & {
  /** An import may name the kind of owner first: `zones/<zone>/<id>`. */
  readonly importPrefix?: Readonly<Record<string, string>>;
  /** Collection, from the properties in the path. */
  readonly path: (properties: Properties) => string;
  readonly updateMethod?: "PUT" | "PATCH";
  readonly headers?: (properties: Properties) => Headers;
};

const locateObject = ({ owners, importPrefix }: ObjectOptions, id: string, known: Properties): Imported => {
  const [prefix = "", ...rest] = id.split("/");
  const owner = importPrefix?.[prefix];
  if (owner !== undefined && rest.length === 2) {
    return { id: rest[1] ?? "", known: { ...known, [owner]: rest[0] ?? "" } };
  }
  return importPrefix === undefined ? locate(owners, id, known) : { id, known };
};

/** An object that is made with POST and has an id. */
export const objectResource = (options: ObjectOptions): CloudflareResource => {
  const { token, properties, contradictions, path, updateMethod = "PUT", headers = () => ({}) } = options;
  const at = (id: string, known: Properties): string => `${path(known)}/${encodeURIComponent(id)}`;
  return {
    token,
    properties,
    ...(contradictions === undefined ? {} : { contradictions }),
    create: async (api, inputs, created) => {
      const live = await api.result("POST", path(inputs), requestBody(options, inputs), headers(inputs));
      created(live.at("id").string());
    },
    read: async (api, id, known) => {
      const place = locateObject(options, id, known);
      const live = await api.find(at(place.id, place.known), headers(place.known));
      return live === undefined ? undefined : stateOf(options, place.known, live);
    },
    idAfterRead: (id) => id.split("/").at(-1) ?? id,
    ...(Object.values(properties).every((spec) => spec.replace === true || !settable(spec))
      ? {}
      : {
          update: async (api, { id, inputs }) => {
            await api.result(updateMethod, at(id, inputs), requestBody(options, inputs), headers(inputs));
          },
        }),
    remove: (api, id, state) => api.remove(at(id, state), headers(state)),
  };
};

type SettingOptions = Common & {
  /** Path of the setting itself. */
  readonly path: (properties: Properties) => string;
  readonly createMethod: "PUT" | "PATCH" | "POST";
  readonly updateMethod: "PUT" | "PATCH";
  /** Property that is the id. */
  readonly idProperty: string;
  /** Deleting the resource resets the setting; without it the setting stays as it is. */
  readonly resets?: true;
};

/** A setting that exists with its zone: creating writes it, and most are left as they are at the end. */
export const settingResource = (options: SettingOptions): CloudflareResource => {
  const { token, properties, contradictions, path, owners, idProperty } = options;
  const write = async (api: CloudflareApi, method: string, inputs: Properties): Promise<void> => {
    await api.result(method, path(inputs), requestBody(options, inputs));
  };
  /** The last owner of an import is the id itself. */
  const place = (id: string, known: Properties): Properties =>
    known[idProperty] === undefined
      ? {
          ...locate(
            owners.filter((name) => name !== idProperty),
            id,
            known,
          ).known,
          [idProperty]: id.split("/").at(-1) ?? id,
        }
      : known;
  return {
    token,
    properties,
    ...(contradictions === undefined ? {} : { contradictions }),
    create: async (api, inputs, created) => {
      await write(api, options.createMethod, inputs);
      created(inputsView(inputs).at(idProperty).string());
    },
    read: async (api, id, known) => {
      const full = place(id, known);
      const live = await api.find(path(full));
      return live === undefined ? undefined : stateOf(options, full, live);
    },
    idAfterRead: (id) => id.split("/").at(-1) ?? id,
    update: (api, { inputs }) => write(api, options.updateMethod, inputs),
    remove: async (api, _id, state) => {
      if (options.resets === true) {
        await api.remove(path(state));
      }
    },
  };
};
