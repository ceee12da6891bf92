/**
 * The entry of a list of the plan with this name.
 *
 * @throws when there is none, naming who asked: a plan that contradicts itself must fail before any resource.
 */
export const named = <T extends { readonly name: string }>(
  entries: readonly T[],
  name: string,
  list: string,
  owner: string,
): T => {
  const found = entries.find((entry) => entry.name === name);
  if (found === undefined) {
    const known = entries.map((entry) => entry.name).join(", ");
    throw new Error(`${owner}: "${name}" is not in the plan's ${list} (${known === "" ? "none" : known})`);
  }
  return found;
};

/** Hetzner's ids are numbers, but `id` of every Pulumi resource is a string. */
export const numericId = (id: string): number => Number(id);
