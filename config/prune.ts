type Path = readonly PropertyKey[];

/**
 * A copy of plain data without the values at the given paths. A faulty entry takes its whole list with it: removing it
 * alone would renumber the others.
 */
export function withoutPaths(raw: unknown, paths: readonly Path[]): unknown {
  return paths.reduce<unknown>((value, path) => without(value, path), raw);
}

function without(value: unknown, path: Path): unknown {
  const [step, ...rest] = path;
  if (step === undefined || typeof value !== "object" || value === null || Array.isArray(value)) return undefined;
  const entries = Object.entries(value).flatMap(([key, part]): readonly (readonly [string, unknown])[] => {
    if (key !== step) return [[key, part]];
    const kept = rest.length === 0 ? undefined : without(part, rest);
    return kept === undefined ? [] : [[key, kept]];
  });
  return Object.fromEntries(entries);
}
