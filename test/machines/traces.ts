import type { Stored } from "../../cli/secrets/store.ts";

/** Texts that give a secret away: passwords whole, of keys their first line of content. */
export const traces = ({ values }: Stored): readonly string[] =>
  [...values.values()].flatMap((value) => {
    if (value.includes("BEGIN CERTIFICATE")) return [];
    return value.split("\n").find((part) => part.length >= 16 && !part.startsWith("-----")) ?? [];
  });
