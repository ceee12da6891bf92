/** Longest value a message repeats, in characters. */
const longestValue = 60;

const secretName = /pass(word|phrase)?|secret|token|credential|private|api_?key|cookie/i;

/** A key block, an address with a login or a query in it, or a run of characters as long as a token. */
const secretText = /-----BEGIN|:\/\/[^/\s]*@|:\/\/\S*\?|[A-Za-z0-9+/_=-]{32,}/;

/** Whether a value must not be repeated, going by the name of its field and by its looks. */
export function looksSecret(field: string, value: unknown): boolean {
  return secretName.test(field) || (typeof value === "string" && secretText.test(value));
}

/** A value as a message shows it; null when there is none. Never shows what looks like a secret. */
export function describeValue(field: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (looksSecret(field, value)) return "a value not repeated here";
  if (typeof value === "string") return describeText(value);
  if (typeof value === "number" || typeof value === "boolean" || typeof value === "bigint") return String(value);
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  return typeof value === "object" ? "a group of keys" : `a ${typeof value}`;
}

/** Bare when it cannot be mistaken for something else, quoted otherwise: the text "2" is not the number 2. */
function describeText(value: string): string {
  const text = value.length > longestValue ? `${value.slice(0, longestValue)}…` : value;
  const bare = [/^[A-Za-z@/][\w.:/@+-]*…?$/, /^\d+[.:][\d.:a-f/]+\/\d+$/, /^\d{4}-\d{2}-\d{2}$/].some((form) =>
    form.test(text),
  );
  return bare && !["true", "false", "null"].includes(text) ? text : JSON.stringify(text);
}
