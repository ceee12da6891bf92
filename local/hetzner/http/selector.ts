/**
 * The label selector language: `k=v`, `k==v`, `k!=v`, `k`, `!k`, `k in (a,b)`, `k notin (a,b)`, joined by commas that
 * mean "and". As in Kubernetes, `!=` and `notin` also hold for a missing key.
 */
import type { Labels } from "../records.ts";

type Term =
  | { readonly verb: "exists" | "missing"; readonly key: string }
  | { readonly verb: "in" | "notin"; readonly key: string; readonly values: readonly string[] };

export type Selector = readonly Term[];

const key = String.raw`(?:[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?\/)?[a-zA-Z0-9](?:[-_.a-zA-Z0-9]*[a-zA-Z0-9])?`;
const value = "[-_.a-zA-Z0-9]*";
const presence = new RegExp(`^(!?)\\s*(${key})$`);
const equality = new RegExp(`^(${key})\\s*(==?|!=)\\s*(${value})$`);
const membership = new RegExp(`^(${key})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);

/** Splits at commas outside parentheses. */
function split(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let current = "";
  for (const character of text) {
    if (character === "(") depth += 1;
    if (character === ")") depth -= 1;
    if (character === "," && depth === 0) {
      parts.push(current);
      current = "";
    } else current += character;
  }
  return [...parts, current].map((part) => part.trim());
}

function parseTerm(text: string): Term | undefined {
  const equal = equality.exec(text);
  if (equal !== null) {
    return { verb: equal[2] === "!=" ? "notin" : "in", key: equal[1] ?? "", values: [equal[3] ?? ""] };
  }
  const member = membership.exec(text);
  if (member !== null) {
    const values = (member[3] ?? "").split(",").map((part) => part.trim());
    if (!values.every((part) => new RegExp(`^${value}$`).test(part))) return undefined;
    return { verb: member[2] === "in" ? "in" : "notin", key: member[1] ?? "", values };
  }
  const present = presence.exec(text);
  if (present !== null) return { verb: present[1] === "!" ? "missing" : "exists", key: present[2] ?? "" };
  return undefined;
}

/** The selector, or undefined when `text` is not one. */
export function parseSelector(text: string): Selector | undefined {
  const terms = split(text).map(parseTerm);
  const valid = terms.filter((term) => term !== undefined);
  return valid.length === terms.length ? valid : undefined;
}

export function selects(selector: Selector, labels: Labels): boolean {
  return selector.every((term) => {
    const present = Object.hasOwn(labels, term.key);
    const labelled = labels[term.key] ?? "";
    switch (term.verb) {
      case "exists":
        return present;
      case "missing":
        return !present;
      case "in":
        return present && term.values.includes(labelled);
      case "notin":
        return !present || !term.values.includes(labelled);
      default:
        return term satisfies never;
    }
  });
}
