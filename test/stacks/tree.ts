import { stringify } from "yaml";
import type { Capture, Captured } from "../support/capture.ts";

/**
 * The whole tree of a program as text: one YAML document with every resource below its parent, its options, and its
 * inputs with ids shown as the names of the resources they belong to.
 */
export const renderTree = ({ resources, names }: Capture): string => {
  const below = (parent: string | null): readonly unknown[] =>
    resources
      .filter((resource) => resource.parent === parent)
      .map((resource) => {
        const children = below(keyOf(resource));
        return {
          [`${resource.name} (${resource.type})`]: {
            ...describeResource(resource, names),
            ...(children.length > 0 ? { children } : {}),
          },
        };
      });
  return stringify(below(null), { lineWidth: 0, aliasDuplicateObjects: false });
};

/** Options and inputs of one resource; what is unset is left out. */
export const describeResource = (resource: Captured, names: Capture["names"]): Readonly<Record<string, unknown>> => ({
  ...optionsOf(resource),
  ...(Object.keys(resource.inputs).length > 0 ? { inputs: named(resource.inputs, names) } : {}),
});

const keyOf = ({ type, name }: Captured): string => `${type} ${name}`;

const optionsOf = ({ options, secrets }: Captured): Readonly<Record<string, unknown>> => ({
  ...(options.protect ? { protect: true } : {}),
  ...(options.deleteBeforeReplace ? { deleteBeforeReplace: true } : {}),
  ...(options.ignoreChanges.length > 0 ? { ignoreChanges: options.ignoreChanges } : {}),
  ...(options.dependsOn.length > 0
    ? { dependsOn: options.dependsOn.map((key) => key.slice(key.indexOf(" ") + 1)) }
    : {}),
  ...(secrets.length > 0 ? { secrets } : {}),
});

const named = (value: unknown, names: Capture["names"]): unknown => {
  if (typeof value === "number" || typeof value === "string") {
    const name = names.get(String(value));
    return name === undefined ? value : `(${typeof value === "number" ? "number" : "id"} of ${name})`;
  }
  if (Array.isArray(value)) return value.map((entry) => named(entry, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, named(entry, names)]));
};
