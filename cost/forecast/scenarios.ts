import { readFileSync } from "node:fs";
import { parse } from "yaml";
import { z } from "zod";
import { growthScenarios, successMetrics } from "../../plan/capacity.ts";
import type { Span } from "../capacity/load.ts";
import { CommandError } from "../commands/io.ts";

/** Users at the end of each month; a range where the input is one or where the plan says nothing. */
export type Scenario = {
  readonly name: string;
  readonly source: string;
  /** Index 0 is month 1. */
  readonly users: readonly Span[];
  /** How the months after the scenario's own were continued. */
  readonly continuation: string;
};

export const scenarioNames = Object.keys(growthScenarios) as readonly (keyof typeof growthScenarios)[];

type Growth = { readonly from: number; readonly to: number };

const exactly = (users: number): Span => ({ from: users, to: users });

/**
 * Continues a scenario after its last month. The lower and the upper end are the lower and the higher of two readings: the
 * last month's gain repeats, and the plan's success metric of 20 % a month is just met.
 */
function continued(known: readonly Span[], months: number, growth: Growth | null): readonly Span[] {
  const last = known.at(-1);
  if (last === undefined) return [];
  const before = known.at(-2) ?? exactly(0);
  const rate = 1 + successMetrics.userGrowthPercentPerMonth / 100;
  const more = Array.from({ length: Math.max(0, months - known.length) }, (_, index): Span => {
    const step = index + 1;
    if (growth !== null) {
      const grow = (users: number, percent: number): number => Math.round(users * (1 + percent / 100) ** step);
      return { from: grow(last.from, growth.from), to: grow(last.to, growth.to) };
    }
    const linear = [last.from + step * (last.from - before.from), last.to + step * (last.to - before.to)];
    const compound = [last.from * rate ** step, last.to * rate ** step];
    const all = [...linear, ...compound].map((users) => Math.max(0, Math.round(users)));
    return { from: Math.min(...all), to: Math.max(...all) };
  });
  return [...known, ...more].slice(0, months);
}

const continuationText = (growth: Growth | null): string =>
  growth === null
    ? `after that between the last month's gain repeated and ${successMetrics.userGrowthPercentPerMonth} % a month, the plan's success metric`
    : `after that ${growth.from} to ${growth.to} % a month, as the file says`;

/** One of the capacity plan's growth scenarios, continued to a number of months. */
export function planScenario(name: keyof typeof growthScenarios, months: number): Scenario {
  return {
    name,
    source: "capacity plan, User Growth Scenarios",
    users: continued(growthScenarios[name].map(exactly), months, null),
    continuation: continuationText(null),
  };
}

const users = z.union([
  z.int().nonnegative(),
  z
    .strictObject({ from: z.int().nonnegative(), to: z.int().nonnegative() })
    .refine((span) => span.from <= span.to, "from above to"),
]);

const fileSchema = z.strictObject({
  name: z.string().min(1).max(40),
  users: z.array(users).min(1).max(120),
  growthPercent: z
    .strictObject({ from: z.number().min(-100).max(1_000), to: z.number().min(-100).max(1_000) })
    .optional(),
});

/** A scenario of one's own: `name`, `users` by month (a number or `from` and `to`), `growthPercent` after that. */
export function fileScenario(path: string, months: number): Scenario {
  const result = fileSchema.safeParse(readYaml(path, "--scenario"));
  if (!result.success)
    throw new CommandError(`--scenario: ${path} is not a scenario:\n${z.prettifyError(result.error)}`);
  const { name, growthPercent } = result.data;
  const known = result.data.users.map((value) => (typeof value === "number" ? exactly(value) : value));
  const growth = growthPercent ?? null;
  return { name, source: path, users: continued(known, months, growth), continuation: continuationText(growth) };
}

/** Parses a YAML or JSON file named by an option. */
export function readYaml(path: string, option: string): unknown {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    throw new CommandError(`${option}: ${path} given, it cannot be read; name a YAML file`);
  }
  try {
    return parse(text);
  } catch (error) {
    throw new CommandError(`${option}: ${path} is not YAML: ${error instanceof Error ? error.message : String(error)}`);
  }
}
