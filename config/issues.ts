import type { z } from "zod";
import { describeValue } from "./describe.ts";
import type { Fault } from "./faults.ts";
import { knownKeys } from "./known-keys.ts";
import { phaseSchemas } from "./schema.ts";
import { suggest } from "./suggest.ts";

type Issue = z.core.$ZodIssue;
type Phase = keyof typeof phaseSchemas;
type Path = readonly PropertyKey[];
type Sentence = Pick<Fault, "rule" | "fix">;

export type FaultAt = {
  readonly fault: Fault;
  /** Where the faulty value stands. */
  readonly path: Path;
};

/** Translates what the schema found into faults with a rule and a fix. */
export function faultsOfIssues(phase: Phase, raw: unknown, issues: readonly Issue[]): readonly FaultAt[] {
  return issues.flatMap((issue) =>
    issue.code === "unrecognized_keys"
      ? issue.keys.map((key) => unknownKey(phase, raw, [...issue.path, key]))
      : [{ path: issue.path, fault: faultAt(raw, issue.path, sentenceOf(phase, raw, issue)) }],
  );
}

function faultAt(raw: unknown, path: Path, { rule, fix }: Sentence): Fault {
  const field = fieldOf(path);
  return { field, value: describeValue(field, valueAt(raw, path)), rule, fix };
}

/** `ssh.allowFrom.0`; keys that could be mistaken for something else are quoted, and long ones cut. */
export function fieldOf(path: Path): string {
  return path.map((step) => nameOf(String(step))).join(".");
}

function nameOf(step: string): string {
  const text = step.length > 30 ? `${step.slice(0, 12)}…` : step;
  return /^[\w@-]+…?$/.test(text) ? text : JSON.stringify(text);
}

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(raw: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (value, step) =>
      typeof value === "object" && value !== null && Object.hasOwn(value, step)
        ? (value as Readonly<Record<PropertyKey, unknown>>)[step]
        : undefined,
    raw,
  );
}

function unknownKey(phase: Phase, raw: unknown, path: Path): FaultAt {
  const key = String(path.at(-1));
  const parent = path.slice(0, -1);
  const known = knownKeys(phaseSchemas[phase], parent);
  const at = (name: string) => `platform.${fieldOf([...parent, name])}`;
  const elsewhere = ([1, 2, 3] as const).filter((other) => knownKeys(phaseSchemas[other], parent).includes(key));
  const [near] = elsewhere;
  if (near !== undefined) {
    const sentence = {
      rule: `phase ${phase} has no ${fieldOf(path)}, only phase ${elsewhere.join(" and ")} has`,
      fix: `remove ${at(key)} or set platform.phase to ${near}`,
    };
    return { path, fault: faultAt(raw, path, sentence) };
  }
  const meant = suggest(key, known);
  const fix = meant === null ? `remove it; known here: ${known.join(", ")}` : `did you mean ${at(meant)}?`;
  return { path, fault: faultAt(raw, path, { rule: "no such key", fix }) };
}

/** What a required field could look like. */
const examples: Readonly<Record<string, string>> = {
  domain: " to the Cloudflare zone, such as chitlaq.com",
  ssh: ".publicKeys.<name> to an OpenSSH public key",
  "ssh.publicKeys": ".<name> to an OpenSSH public key",
  "release.url": " to the address of the archive",
  "release.sha256": " to the SHA-256 of the archive",
  "release.version": " to the archive's version",
};

const typeNames: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "a group of keys",
  record: "a group of keys",
  array: "a list",
};

function sentenceOf(phase: Phase, raw: unknown, issue: Issue): Sentence {
  const key = `platform.${fieldOf(issue.path)}`;
  const given = valueAt(raw, issue.path);
  switch (issue.code) {
    case "invalid_type": {
      const expected = typeNames[issue.expected] ?? issue.expected;
      return given === undefined
        ? { rule: `phase ${phase} needs it`, fix: `set ${key}${examples[fieldOf(issue.path)] ?? ""}` }
        : { rule: `must be ${expected}`, fix: `set ${key} to ${expected}` };
    }
    case "invalid_value": {
      const values = issue.values.map(String);
      const meant = typeof given === "string" ? suggest(given, values) : null;
      const fix = meant === null ? `set ${key} to one of them` : `did you mean ${meant}?`;
      return { rule: `must be ${listOf(values)}`, fix };
    }
    case "too_small":
      return limitSentence(phase, issue, "at least", Number(issue.minimum));
    case "too_big":
      return limitSentence(phase, issue, "at most", Number(issue.maximum));
    case "invalid_key":
      return { rule: `its name must be ${issue.issues[0]?.message ?? "different"}`, fix: `rename ${key}` };
    default:
      return { rule: `must be ${issue.message}`, fix: `correct ${key}` };
  }
}

/** Counts of machines name the phase, because the way out may be another phase. */
function limitSentence(
  phase: Phase,
  issue: Issue & { readonly code: "too_small" | "too_big" },
  bound: "at least" | "at most",
  limit: number,
): Sentence {
  const key = `platform.${fieldOf(issue.path)}`;
  if (issue.path.at(-1) === "count") {
    const reason = limit === 10 ? ": a spread placement group holds no more" : "";
    return bound === "at least"
      ? { rule: `phase ${phase} needs at least ${limit}`, fix: `set ${key} or use phase ${phase - 1}` }
      : { rule: `phase ${phase} takes at most ${limit}${reason}`, fix: `set ${key} to ${limit} or less` };
  }
  const inclusive = issue.inclusive ?? true;
  const wording = inclusive ? `${bound} ${limit}` : `${bound === "at least" ? "more" : "less"} than ${limit}`;
  if (issue.origin === "array") {
    return { rule: `must have ${wording} ${limit === 1 ? "entry" : "entries"}`, fix: `correct ${key}` };
  }
  return { rule: `must be ${wording}`, fix: `set ${key} to ${wording}` };
}

/** `a, b or c` */
function listOf(values: readonly string[]): string {
  return values.join(", ").replace(/, ([^,]*)$/, " or $1");
}
