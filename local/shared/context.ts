/**
 * What both emulators stand on. One process has one {@link LocalContext}; each API is built on it:
 *
 * ```ts
 * const context = createContext({ stateFile, log });
 * const hetzner = createHetznerApp({ context, token, driver });
 * const cloudflare = createCloudflareApp({ context, token });
 * ```
 *
 * An API module returns an {@link ApiApp}. Its Hono app answers below its own prefix (`/v1`, `/client/v4`), mounts
 * {@link file://./control.ts createControlApp} at `/_local`, and uses {@link file://./requests.ts observeRequests}
 * as its first middleware for the log and the request faults.
 *
 * State belongs in `context.store` collections whose names start with the API's name (`cloudflare.zones`), changed in
 * `store.transaction`; time comes from `context.clock`. Unknown routes, fields and query parameters are reported to
 * `context.observer.unknown` and refused.
 */
import type { Hono } from "hono";
import { type Clock, createClock } from "./clock.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createObserver, type Observer } from "./observe.ts";
import { openStore, type Store } from "./store.ts";

export type LocalContext = {
  readonly store: Store;
  readonly clock: Clock;
  readonly faults: Faults;
  readonly observer: Observer;
  readonly log: (line: string) => void;
  /** Hooks of `POST /_local/reset`: `before` sees the old state, `after` an empty store. */
  readonly resetHooks: { readonly before: Set<() => Promise<void>>; readonly after: Set<() => void> };
};

export type ApiApp = {
  readonly app: Hono;
  /** Stops background work; resolves when nothing of it runs any more. */
  close(): Promise<void>;
};

export type ContextOptions = {
  /** SQLite file, or `:memory:`. */
  readonly stateFile: string;
  readonly log: (line: string) => void;
};

export function createContext(options: ContextOptions): LocalContext {
  const store = openStore(options.stateFile);
  return {
    store,
    clock: createClock(store),
    faults: createFaults(store),
    observer: createObserver(options.log),
    log: options.log,
    resetHooks: { before: new Set(), after: new Set() },
  };
}

/** Empties every API's state, faults, log and clock setting. */
export async function resetContext(context: LocalContext): Promise<void> {
  for (const hook of context.resetHooks.before) await hook();
  context.faults.clear();
  context.store.clear();
  context.clock.reset();
  context.observer.clear();
  for (const hook of context.resetHooks.after) hook();
}

export function closeContext(context: LocalContext): void {
  context.clock.close();
  context.faults.clear();
  context.store.close();
}
