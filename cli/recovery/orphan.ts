/** What a resource type needs to be found again after its creation was cut off. */
import type { Api } from "./api.ts";

export type Clouds = {
  readonly hetzner: Api;
  readonly cloudflare: Api;
  /** Resolves when no action runs at Hetzner. */
  settled(): Promise<void>;
};

/** Inputs of the resource as the engine's state holds them: resolved, because Create had been called. */
export type Inputs = Readonly<Record<string, unknown>>;

/** Something that exists in the cloud and in no state. */
export type Orphan = {
  /** `server chitlaq-phase2-api-1 (id 12)`. */
  readonly what: string;
  /** Identity that other resources of the state would show, to tell an orphan from a known resource. */
  readonly id: string;
  /** Labels it carries; undefined for what cannot carry any. */
  readonly labels?: Readonly<Record<string, string>>;
  remove(): Promise<void>;
};

export type Finder = (inputs: Inputs, clouds: Clouds) => Promise<Orphan | undefined>;

export const text = (inputs: Inputs, key: string): string => {
  const value = inputs[key];
  if (typeof value === "string" || typeof value === "number") return String(value);
  throw new Error(`the interrupted creation has no ${key}`);
};
