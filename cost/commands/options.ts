import { Dec } from "../money.ts";
import { CommandError } from "./io.ts";

/** A day such as 2026-03-01 that exists in the calendar. */
export function checkDay(option: string, value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  const date = /^\d{4}-\d{2}-\d{2}$/.test(value) ? new Date(`${value}T00:00:00Z`) : null;
  if (date === null || Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== value) {
    throw new CommandError(`${option}: ${value} given, it needs a day of the calendar; write it as 2026-03-01`);
  }
  return value;
}

/** A positive decimal number, kept as the text it was given as. */
export function checkRate(value: string | undefined): string | undefined {
  if (value === undefined) return undefined;
  if (!/^\d{1,6}(\.\d{1,8})?$/.test(value) || new Dec(value).isZero()) {
    throw new CommandError(`--usd-per-eur: ${value} given, it needs a positive number; write it as 1.1133`);
  }
  return value;
}
