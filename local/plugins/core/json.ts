/** Reading an API's JSON: every access names the path it failed at, so that a surprising answer is not a crash later. */

import { isList, isObject, type Properties, type Value } from "./values.ts";

export class JsonView {
  readonly value: Value | undefined;
  readonly path: string;

  constructor(value: Value | undefined, path: string) {
    this.value = value;
    this.path = path;
  }

  #wrong(expected: string): Error {
    const found = this.value === undefined ? "nothing" : this.value === null ? "null" : typeof this.value;
    return new Error(`answer of the API: ${this.path}: ${expected} expected, ${found} found`);
  }

  at(...keys: readonly string[]): JsonView {
    return keys.reduce<JsonView>(
      (view, key) => new JsonView(isObject(view.value) ? view.value[key] : undefined, `${view.path}.${key}`),
      this,
    );
  }

  /** Neither absent nor null. */
  get present(): boolean {
    return this.value !== undefined && this.value !== null;
  }

  string(): string {
    if (typeof this.value !== "string") {
      throw this.#wrong("text");
    }
    return this.value;
  }

  stringOr(fallback: string): string {
    return this.present ? this.string() : fallback;
  }

  number(): number {
    if (typeof this.value !== "number") {
      throw this.#wrong("a number");
    }
    return this.value;
  }

  numberOr(fallback: number): number {
    return this.present ? this.number() : fallback;
  }

  boolean(): boolean {
    if (typeof this.value !== "boolean") {
      throw this.#wrong("true or false");
    }
    return this.value;
  }

  booleanOr(fallback: boolean): boolean {
    return this.present ? this.boolean() : fallback;
  }

  /** The elements; none when the list is absent or null. */
  list(): readonly JsonView[] {
    if (!this.present) {
      return [];
    }
    if (!isList(this.value)) {
      throw this.#wrong("a list");
    }
    return this.value.map((item, at) => new JsonView(item, `${this.path}[${at}]`));
  }

  object(): Properties {
    if (!isObject(this.value)) {
      throw this.#wrong("an object");
    }
    return this.value;
  }
}

/** Typed access to checked inputs and to state. */
export const inputsView = (properties: Properties): JsonView => new JsonView(properties, "inputs");

/** An object without the members that are undefined. */
export const compact = (members: { readonly [key: string]: Value | undefined }): Properties =>
  Object.fromEntries(
    Object.entries(members).flatMap(([key, value]): readonly (readonly [string, Value])[] =>
      value === undefined ? [] : [[key, value]],
    ),
  );
