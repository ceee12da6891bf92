import { isScalar, parseDocument, type Scalar as YamlScalar, visit } from "yaml";

/** A YAML template is YAML: a scalar that is nothing but `{{name}}` is replaced by a value of any type. */
export type YamlValue = string | number | boolean | null | readonly YamlValue[] | { readonly [key: string]: YamlValue };

const whole = /^\{\{([a-zA-Z][a-zA-Z0-9]*)\}\}$/;

/** The document with every value in its place, comments kept; throws one error that lists every fault. */
export function fillYaml(name: string, text: string, values: Readonly<Record<string, YamlValue>>): string {
  const document = parseDocument(text);
  const faults = document.errors.map((error) => error.message);
  const used = new Set<string>();
  visit(document, {
    Scalar(_key, node) {
      const key = placeholderOf(node);
      if (key === null) return undefined;
      const value = values[key];
      used.add(key);
      if (value === undefined) {
        faults.push(`unknown placeholder {{${key}}}; give it a value`);
        return undefined;
      }
      return document.createNode(value);
    },
  });
  for (const key of Object.keys(values)) {
    if (!used.has(key)) faults.push(`value ${key} has no placeholder in the file; remove one or add the other`);
  }
  // Patroni reads YAML 1.1, where a bare off is a boolean; k3s reads both.
  document.setSchema("1.1");
  const rendered = document.toString({ lineWidth: 0 });
  if (faults.length === 0 && rendered.includes("{{")) faults.push("holds {{ that is no whole scalar");
  if (faults.length > 0) throw new Error(`${name}: ${faults.join("; ")}`);
  return rendered;
}

function placeholderOf(node: YamlScalar): string | null {
  if (!isScalar(node) || typeof node.value !== "string") return null;
  return whole.exec(node.value)?.[1] ?? null;
}
