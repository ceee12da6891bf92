/**
 * Text templates of machine files. A placeholder is `{{name}}` or, for a list of records, `{{name.field}}`; a line that
 * names a list is written once for each element, and not at all when the list is empty.
 *
 * A placeholder without a value and a value without a placeholder are both faults: a file that silently lacks a setting
 * is found on the machine, at night.
 */

export type Scalar = string | number | boolean;
export type Row = Readonly<Record<string, Scalar>>;
export type Value = Scalar | readonly Scalar[] | readonly Row[];
export type Values = Readonly<Record<string, Value>>;

/** How a value must look, or be quoted, to stay one value in the file's language. */
export type Format = "ini" | "nginx" | "haproxy" | "systemd" | "nftables" | "pgconf" | "shell" | "text";

/**
 * What a value may consist of. None of these languages gets quoting from us except the shell's: every value the plan
 * holds fits a strict alphabet, and anything else is a fault rather than something to escape.
 */
const alphabets: Readonly<Record<Exclude<Format, "shell">, RegExp>> = {
  ini: /^[A-Za-z0-9_.:/@*=+ -]*$/,
  nginx: /^[A-Za-z0-9_.:/@*+-]+( [A-Za-z0-9_.*-]+)*$/,
  haproxy: /^[A-Za-z0-9_.:/@*+-]*$/,
  systemd: /^[A-Za-z0-9_.:/@*=+, -]*$/,
  nftables: /^[A-Za-z0-9_.:/,() -]*$/,
  pgconf: /^[A-Za-z0-9_.:/@*=+, -]*$/,
  text: /^[A-Za-z0-9_.:/@*=+, ;-]*$/,
};

const placeholder = /\{\{([a-zA-Z][a-zA-Z0-9]*)(?:\.([a-zA-Z][a-zA-Z0-9]*))?\}\}/g;

export type Template = {
  /** Named in faults. */
  readonly name: string;
  readonly text: string;
  readonly format: Format;
};

/** The template's text with every value in its place; throws one error that lists every fault. */
export function fillTemplate(template: Template, values: Values): string {
  const faults: string[] = [];
  const used = new Set<string>();
  const lines = template.text.split("\n").flatMap((line, index) => {
    const report = (message: string) => faults.push(`line ${index + 1}: ${message}`);
    return fillLine(line, { template, values, used, report });
  });
  for (const name of Object.keys(values)) {
    if (!used.has(name)) faults.push(`value ${name} has no placeholder in the file; remove one or add the other`);
  }
  const stray = lines.find((line) => line.includes("{{"));
  if (stray !== undefined && faults.length === 0) faults.push(`"${stray.trim()}" holds {{ that is no placeholder`);
  if (faults.length > 0) throw new Error(`${template.name}: ${faults.join("; ")}`);
  return lines.join("\n");
}

type LineContext = {
  readonly template: Template;
  readonly values: Values;
  readonly used: Set<string>;
  readonly report: (message: string) => void;
};

/** Quotes in the middle of a word mean one thing to a shell and another to systemd's EnvironmentFile. */
const wholeAssignment = /^[A-Z][A-Z0-9_]*=\{\{[a-zA-Z0-9.]+\}\}$/;

function fillLine(line: string, context: LineContext): readonly string[] {
  const names = [...line.matchAll(placeholder)].map((match) => match[1] ?? "");
  if (names.length === 0) return [line];
  if (context.template.format === "shell" && !wholeAssignment.test(line)) {
    context.report("a placeholder of an environment file must be the whole value: NAME={{name}}");
  }
  const lists = [...new Set(names.filter((name) => isList(context.values[name])))];
  for (const name of names) context.used.add(name);
  if (lists.length > 1) {
    context.report(`two lists in one line (${lists.join(", ")})`);
    return [];
  }
  const [list] = lists;
  if (list === undefined) return [replaceAll(line, context, null)];
  const elements = context.values[list] as readonly (Scalar | Row)[];
  return elements.map((element) => replaceAll(line, context, { list, element }));
}

function isList(value: Value | undefined): boolean {
  return Array.isArray(value);
}

function replaceAll(
  line: string,
  { template, values, report }: LineContext,
  current: { readonly list: string; readonly element: Scalar | Row } | null,
): string {
  return line.replace(placeholder, (whole, name: string, field: string | undefined) => {
    const value = current?.list === name ? current.element : values[name];
    const scalar = field === undefined ? value : isRow(value) ? value[field] : undefined;
    if (scalar === undefined || typeof scalar === "object") {
      report(`unknown placeholder ${whole}; give it a value`);
      return whole;
    }
    return write(template.format, scalar, (rule) => report(`${whole}: ${JSON.stringify(scalar)} ${rule}`));
  });
}

function isRow(value: unknown): value is Row {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function write(format: Format, value: Scalar, fault: (rule: string) => void): string {
  const text = String(value);
  if (format === "shell") {
    if (/[\n\0]/.test(text)) fault("holds a line break, which no line of an environment file can");
    return quoteShell(text);
  }
  if (!alphabets[format].test(text)) fault(`does not fit ${format} files (${alphabets[format].source})`);
  return text;
}

/** One word of POSIX shell, also understood by systemd's EnvironmentFile. */
export function quoteShell(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
