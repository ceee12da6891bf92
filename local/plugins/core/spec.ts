/** How a resource type is described: its properties as a table, its life cycle as four functions. */

import type { Properties, Value } from "./values.ts";

/**
 * `required` and `optional` are set by the program; `optionalComputed` may be, else the API chooses; `computed` is only
 * ever read.
 */
export type Presence = "required" | "optional" | "optionalComputed" | "computed";

export type Shape =
  | {
      readonly kind: "string";
      readonly oneOf?: readonly string[];
      /** Equality beyond spelling, for elements of a list (a property has {@link PropertySpec.same}). */
      readonly same?: (wanted: Value, actual: Value) => boolean;
    }
  | { readonly kind: "number" }
  | { readonly kind: "boolean" }
  | { readonly kind: "any" }
  | { readonly kind: "list"; readonly element: Shape }
  /** A list whose order means nothing. */
  | { readonly kind: "set"; readonly element: Shape }
  | { readonly kind: "map"; readonly element: Shape }
  | { readonly kind: "object"; readonly fields: PropertyTable };

export type PropertySpec = {
  readonly presence: Presence;
  readonly shape: Shape;
  /** A change means a new resource. */
  readonly replace?: true;
  readonly default?: Value;
  /** Leaving it out leaves it as it is, where `optional` alone would ask for nothing or the default. */
  readonly keptWhenOmitted?: true;
  /** Filled with `<resource name>-<random>` when left out. */
  readonly autoname?: true;
  /** The API never shows it: state keeps what the program gave. */
  readonly unread?: true;
  /** An import leaves it out: another property says where it belongs, and the two exclude each other. */
  readonly unimported?: true;
  /** What state stores instead of the value itself (a hash of long or confidential text). */
  readonly stored?: (value: Value) => Value;
  /** Equality beyond spelling, for example of addresses. */
  readonly same?: (wanted: Value, actual: Value) => boolean;
  /** A fault of the value, in the words `<given>; <rule>`; undefined when it is fine. */
  readonly fault?: (value: Value) => string | undefined;
  readonly secret?: true;
};

export type PropertyTable = { readonly [name: string]: PropertySpec };

/** A fault of one property; `reason` names value, rule and fix. */
export type Fault = { readonly property: string; readonly reason: string };

/**
 * Told as soon as the API has given the new resource an id, so that a later failure does not lose it. `unfinished` (keys
 * starting with two underscores) is kept in state only if the creation fails after this call; a later call replaces it.
 */
export type Created = (id: string, unfinished?: Properties) => void;

export type Change = {
  readonly id: string;
  /** Outputs before the update. */
  readonly state: Properties;
  readonly oldInputs: Properties;
  readonly inputs: Properties;
  /** True when the property must be brought in line with `inputs`. */
  readonly changed: (property: string) => boolean;
};

export type ResourceDefinition<Client> = {
  /** `package:index/file:Type`. */
  readonly token: string;
  readonly properties: PropertyTable;
  /** Faults that need more than one property. Not called while an involved value is unknown. */
  readonly contradictions?: (inputs: Properties) => readonly Fault[];
  /** Creates and waits until the resource is ready. */
  readonly create: (client: Client, inputs: Properties, created: Created) => Promise<void>;
  /**
   * Live state by id; undefined when it is gone. `known` is the state or the inputs at hand, empty for an import.
   */
  readonly read: (client: Client, id: string, known: Properties) => Promise<Properties | undefined>;
  /** The id of a resource that was found under another one, as an import may name it; else they are the same. */
  readonly idAfterRead?: (id: string, live: Properties) => string;
  /** Left out where every property forces a replacement. */
  readonly update?: (client: Client, change: Change) => Promise<void>;
  /** A failed update leaves state as it was, as if it had never begun. Left out: what exists is read back and kept. */
  readonly failsWhole?: true;
  /** Must succeed when the resource is already gone. */
  readonly remove: (client: Client, id: string, state: Properties) => Promise<void>;
};

export type FunctionDefinition<Client> = {
  readonly token: string;
  readonly args: PropertyTable;
  readonly contradictions?: (args: Properties) => readonly Fault[];
  readonly call: (client: Client, args: Properties) => Promise<Properties>;
};

/** Settings of a provider instance: `<package>:config:<key>` without the prefix. */
export type Settings = { readonly [key: string]: string | undefined };
export type Environment = { readonly [name: string]: string | undefined };

export type PackageDefinition<Client> = {
  readonly name: string;
  readonly settings: PropertyTable;
  /**
   * `sdk`: bridged from the older Terraform SDK, which writes defaults into the inputs and replaces a resource of fixed
   * name by deleting it first. `framework`: from the newer one, which does neither.
   */
  readonly bridge: (token: string) => "sdk" | "framework";
  readonly settingFaults: (settings: Settings, environment: Environment) => readonly Fault[];
  readonly connect: (settings: Settings, environment: Environment, signal: AbortSignal) => Client;
  readonly resources: readonly ResourceDefinition<Client>[];
  readonly functions: readonly FunctionDefinition<Client>[];
};

type Extras = Omit<PropertySpec, "presence" | "shape">;

export const text = (presence: Presence, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "string" },
  ...extras,
});
export const oneOf = (presence: Presence, values: readonly string[], extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "string", oneOf: values },
  ...extras,
});
export const number = (presence: Presence, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "number" },
  ...extras,
});
export const flag = (presence: Presence, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "boolean" },
  ...extras,
});
export const anything = (presence: Presence, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "any" },
  ...extras,
});
export const textMap = (presence: Presence, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "map", element: { kind: "string" } },
  ...extras,
});
export const list = (presence: Presence, element: Shape, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "list", element },
  ...extras,
});
export const set = (presence: Presence, element: Shape, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "set", element },
  ...extras,
});
export const object = (presence: Presence, fields: PropertyTable, extras: Extras = {}): PropertySpec => ({
  presence,
  shape: { kind: "object", fields },
  ...extras,
});

export const STRING: Shape = { kind: "string" };
export const NUMBER: Shape = { kind: "number" };
export const fields = (table: PropertyTable): Shape => ({ kind: "object", fields: table });

export const settable = (spec: PropertySpec): boolean => spec.presence !== "computed";
export const apiChooses = (spec: PropertySpec): boolean =>
  spec.presence === "computed" || spec.presence === "optionalComputed";
