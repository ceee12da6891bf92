import { withPlainDates } from "./dates.ts";
import { describeValue } from "./describe.ts";
import { ConfigError, type Fault } from "./faults.ts";
import { faultsOfIssues, fieldOf } from "./issues.ts";
import { withoutPaths } from "./prune.ts";
import { type Rule, rules } from "./rules.ts";
import { type PlatformConfig, phaseSchemas } from "./schema.ts";

type Phase = keyof typeof phaseSchemas;
type Path = readonly PropertyKey[];

/**
 * Validates a raw `chitlaq:platform` value and fills in the defaults.
 * Throws {@link ConfigError} with every fault: those of single fields, and those between fields that are themselves sound.
 */
export function parsePlatform(input: unknown): PlatformConfig {
  const phase = phaseOf(input);
  const raw = withPlainDates(input);
  const result = phaseSchemas[phase].safeParse(raw);
  if (result.success) {
    const broken = rules.flatMap((rule) => rule.check(result.data));
    if (broken.length > 0) throw new ConfigError(broken);
    return result.data;
  }
  const found = faultsOfIssues(phase, raw, result.error.issues);
  const faulty = found.map(({ path }) => path);
  throw new ConfigError([...found.map(({ fault }) => fault), ...rulesBeside(phase, raw, faulty)]);
}

/** The phase decides what every other key means: while it is wrong, nothing else can be judged. */
function phaseOf(raw: unknown): Phase {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new ConfigError([
      {
        field: "",
        value: describeValue("", raw),
        rule: "must be a group of keys",
        fix: "write phase, domain and ssh below chitlaq:platform",
      },
    ]);
  }
  const phase: unknown = "phase" in raw ? raw.phase : undefined;
  if (phase === 1 || phase === 2 || phase === 3) return phase;
  throw new ConfigError([
    {
      field: "phase",
      value: describeValue("phase", phase),
      rule: "every stack is in phase 1, 2 or 3",
      fix: "set platform.phase to one of these numbers",
    },
  ]);
}

/** Stand-ins for required fields that are faulty, so that the rules about the others can still be checked. */
const standIns = { domain: "example.com", ssh: { publicKeys: {} } };

/** What the rules say about the fields that are not faulty by themselves. */
function rulesBeside(phase: Phase, raw: unknown, faulty: readonly Path[]): readonly Fault[] {
  const inRelease = faulty.some((path) => path[0] === "release");
  const pruned = withoutPaths(raw, inRelease ? [...faulty, ["release"]] : faulty);
  const sound = phaseSchemas[phase].safeParse(withStandIns(pruned));
  if (!sound.success) return [];
  const fields = faulty.map(fieldOf);
  return rules
    .filter((rule) => !fields.some((field) => concerns(rule, field)))
    .flatMap((rule) => rule.check(sound.data));
}

function withStandIns(pruned: unknown): unknown {
  if (typeof pruned !== "object" || pruned === null) return standIns;
  const ssh: unknown = "ssh" in pruned ? pruned.ssh : undefined;
  return {
    ...standIns,
    ...pruned,
    ssh: typeof ssh === "object" && ssh !== null ? { ...standIns.ssh, ...ssh } : standIns.ssh,
  };
}

/** Whether a faulty field is one the rule reads, holds one, or lies within one. */
function concerns(rule: Rule, field: string): boolean {
  return rule.reads.some((read) => read === field || read.startsWith(`${field}.`) || field.startsWith(`${read}.`));
}
