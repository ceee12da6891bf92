/** `GetSchema`: the package schema that follows from the property tables, enough for `pulumi import` and tooling. */

import { apiChooses, type PackageDefinition, type PropertyTable, type Shape, settable } from "./spec.ts";
import type { Value } from "./values.ts";

type Schema = { readonly [key: string]: Value };

const typeOf = (shape: Shape): Schema => {
  switch (shape.kind) {
    case "list":
    case "set":
      return { type: "array", items: typeOf(shape.element) };
    case "map":
      return { type: "object", additionalProperties: typeOf(shape.element) };
    case "object":
    case "any":
      return { $ref: "pulumi.json#/Any" };
    default:
      return { type: shape.kind };
  }
};

const properties = (table: PropertyTable, keep: (name: string) => boolean): Schema =>
  Object.fromEntries(
    Object.entries(table)
      .filter(([name]) => keep(name))
      .map(([name, spec]) => [name, { ...typeOf(spec.shape), ...(spec.secret === true ? { secret: true } : {}) }]),
  );

const names = (table: PropertyTable, keep: (name: string) => boolean): readonly string[] =>
  Object.keys(table).filter(keep);

const resource = (table: PropertyTable): Schema => ({
  properties: properties(table, () => true),
  required: names(table, (name) => {
    const spec = table[name];
    return spec !== undefined && (spec.presence === "required" || apiChooses(spec));
  }),
  inputProperties: properties(table, (name) => table[name] !== undefined && settable(table[name])),
  requiredInputs: names(table, (name) => table[name]?.presence === "required" && table[name].autoname !== true),
});

/** The schema as JSON text. */
export const packageSchema = <Client>(definition: PackageDefinition<Client>, version: string): string =>
  JSON.stringify({
    name: definition.name,
    version,
    description: `Stand-in for the official ${definition.name} package, for local emulators only.`,
    config: { variables: properties(definition.settings, () => true) },
    provider: { inputProperties: properties(definition.settings, () => true) },
    resources: Object.fromEntries(definition.resources.map(({ token, properties: table }) => [token, resource(table)])),
    functions: Object.fromEntries(
      definition.functions.map(({ token, args }) => [
        token,
        {
          inputs: { type: "object", properties: properties(args, () => true) },
          outputs: { type: "object", properties: {} },
        },
      ]),
    ),
  });
