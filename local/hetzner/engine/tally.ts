import type { ResourceRef } from "../records.ts";

const keyOf = (resource: ResourceRef): string => `${resource.type}:${resource.id}`;

/** Which running actions hold which resources. */
export class Tally {
  readonly #actions = new Map<string, Set<number>>();

  add(resources: readonly ResourceRef[], action: number): void {
    for (const resource of resources) {
      const set = this.#actions.get(keyOf(resource)) ?? new Set();
      this.#actions.set(keyOf(resource), set.add(action));
    }
  }

  remove(resources: readonly ResourceRef[], action: number): void {
    for (const resource of resources) {
      const set = this.#actions.get(keyOf(resource));
      set?.delete(action);
      if (set?.size === 0) this.#actions.delete(keyOf(resource));
    }
  }

  of(resource: ResourceRef): readonly number[] {
    return [...(this.#actions.get(keyOf(resource)) ?? [])];
  }

  clear(): void {
    this.#actions.clear();
  }
}
