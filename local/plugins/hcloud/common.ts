/** What the resource definitions of the package share. */

import { type JsonView, compact } from "../core/json.ts";
import { type Created, flag, type PropertySpec, type ResourceDefinition, text, textMap } from "../core/spec.ts";
import type { Properties, Value } from "../core/values.ts";
import type { HcloudApi } from "./api.ts";
import { hasCode } from "./errors.ts";

export type HcloudResource = ResourceDefinition<HcloudApi>;

const KEY = /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,253}[a-z0-9A-Z])?\/)?[a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?$/;
const LABEL = /^([a-z0-9A-Z]([-_.a-z0-9A-Z]{0,61}[a-z0-9A-Z])?)?$/;

/** The rules hcloud-go checks labels with before they are sent (hcloud/labels.go). */
const labelFault = (value: Value): string | undefined => {
  const faults = Object.entries(value as Properties).flatMap(([key, label]) => [
    ...(KEY.test(key)
      ? []
      : [`key "${key}" given, at most 63 letters, digits, "-", "_", "." after an optional prefix/`]),
    ...(LABEL.test(String(label))
      ? []
      : [`value "${label}" of "${key}" given, at most 63 letters, digits, "-", "_", "."`]),
  ]);
  return faults.length > 0 ? faults.join("; ") : undefined;
};

export const nameProperty: PropertySpec = text("required", { autoname: true });
export const labelsProperty: PropertySpec = textMap("optional", { fault: labelFault });
export const deleteProtectionProperty: PropertySpec = flag("optional", { default: false });

export const idOf = (view: JsonView): string => String(view.at("id").number());

/** Path of a single object. */
export const at = (path: string, id: string): string => `${path}/${encodeURIComponent(id)}`;

/** Runs the operation; a refusal with one of the codes means that its aim is reached already. */
export const unlessCode = async (codes: readonly string[], operation: () => Promise<unknown>): Promise<void> => {
  try {
    await operation();
  } catch (failure) {
    if (!hasCode(failure, ...codes)) {
      throw failure;
    }
  }
};

export const protection = (api: HcloudApi, path: string, id: string, wanted: boolean): Promise<JsonView> =>
  api.act(`${at(path, id)}/actions/change_protection`, { delete: wanted });

/** Input properties by API field, for the body of a request; absent inputs are left out. */
export const bodyOf = (inputs: Properties, fields: Readonly<Record<string, string>>): Properties =>
  compact(Object.fromEntries(Object.entries(fields).map(([property, field]) => [field, inputs[property]])));

type Simple = {
  readonly token: string;
  readonly properties: HcloudResource["properties"];
  readonly contradictions?: HcloudResource["contradictions"];
  /** Collection, for example `/ssh_keys`. */
  readonly path: string;
  /** Member of an answer that holds the object, for example `ssh_key`. */
  readonly key: string;
  readonly createBody: (inputs: Properties) => Properties;
  /** Property → field of `PUT`. */
  readonly updateFields: Readonly<Record<string, string>>;
  readonly state: (live: JsonView, known: Properties) => Properties;
  /** Further changes in place, after the fields and before protection. */
  readonly update?: HcloudResource["update"];
  readonly afterCreate?: (api: HcloudApi, id: string, inputs: Properties) => Promise<void>;
  readonly remove?: HcloudResource["remove"];
};

const createSimple = async (api: HcloudApi, simple: Simple, inputs: Properties, created: Created): Promise<void> => {
  const answer = await api.post(simple.path, simple.createBody(inputs));
  const id = idOf(answer.at(simple.key));
  created(id);
  await api.settle(answer);
  await simple.afterCreate?.(api, id, inputs);
  if (inputs.deleteProtection === true) {
    await protection(api, simple.path, id, true);
  }
};

const updateSimple = async (
  api: HcloudApi,
  simple: Simple,
  change: Parameters<NonNullable<HcloudResource["update"]>>[1],
): Promise<void> => {
  const fields = Object.entries(simple.updateFields).filter(([property]) => change.changed(property));
  if (fields.length > 0) {
    // Labels that were removed altogether are an empty map: the API keeps what a request leaves out.
    const body = fields.map(([property, field]) => [field, change.inputs[property] ?? (field === "labels" ? {} : "")]);
    await api.put(at(simple.path, change.id), Object.fromEntries(body));
  }
  await simple.update?.(api, change);
  if (simple.properties.deleteProtection !== undefined && change.changed("deleteProtection")) {
    await protection(api, simple.path, change.id, change.inputs.deleteProtection === true);
  }
};

/** A type whose life is POST, GET, PUT and DELETE of one collection. */
export const simpleResource = (simple: Simple): HcloudResource => ({
  token: simple.token,
  properties: simple.properties,
  ...(simple.contradictions === undefined ? {} : { contradictions: simple.contradictions }),
  create: (api, inputs, created) => createSimple(api, simple, inputs, created),
  read: async (api, id, known) => {
    const found = await api.find(at(simple.path, id));
    return found === undefined ? undefined : simple.state(found.at(simple.key), known);
  },
  update: (api, change) => updateSimple(api, simple, change),
  remove: simple.remove ?? ((api, id) => api.remove(at(simple.path, id))),
});

/** The two halves of an id such as `17-10.0.1.0/24`; undefined when it is not of that form. */
export const splitId = (id: string, separator: string): readonly [string, string] | undefined => {
  const cut = id.indexOf(separator);
  const [left, right] = [id.slice(0, cut), id.slice(cut + separator.length)];
  return cut > 0 && /^\d+$/.test(left) && right !== "" ? [left, right] : undefined;
};

/** Network id and address range of `NetworkSubnet` ids. */
export const parseSubnetId = (subnetId: string): { readonly network: number; readonly ipRange: string } => {
  const parts = splitId(subnetId, "-");
  if (parts === undefined) {
    throw new Error(
      `subnetId: "${subnetId}" given, <network id>-<subnet range> is needed; use the id of a NetworkSubnet`,
    );
  }
  return { network: Number(parts[0]), ipRange: parts[1] };
};
