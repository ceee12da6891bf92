/**
 * Faults on demand. Each one matches requests by API, method and path and has an effect; `times` bounds how often it
 * strikes. They live in the store, so a restart keeps them.
 */
import { z } from "zod";
import type { Store } from "./store.ts";

export type ApiName = "hetzner" | "cloudflare";

const requestEffect = z.discriminatedUnion("type", [
  /** Answers with this status and code instead. With `when: "after"` the request has been carried out all the same. */
  z.strictObject({
    type: z.literal("error"),
    status: z.int().min(400).max(599),
    code: z.string().min(1),
    message: z.string().optional(),
    retryAfterSeconds: z.int().positive().optional(),
  }),
  z.strictObject({ type: z.literal("slow"), milliseconds: z.int().positive() }),
  /** No answer until the fault is removed; then the request goes on as usual. */
  z.strictObject({ type: z.literal("hang") }),
  /** Cuts the connection without an answer. */
  z.strictObject({ type: z.literal("drop") }),
]);

const cloudEffect = z.discriminatedUnion("type", [
  /** Placement finds no room: for one server type and location, or for all where left out. */
  z.strictObject({ type: z.literal("stock_out"), serverType: z.string().optional(), location: z.string().optional() }),
  /** The next matching action (`create_server`, …) ends in `error`; `*` matches every command. */
  z.strictObject({
    type: z.literal("action_failure"),
    command: z.string(),
    code: z.string().default("action_failed"),
    message: z.string().default("Action failed"),
  }),
]);

export const faultInput = z.strictObject({
  api: z.enum(["hetzner", "cloudflare"]).optional(),
  method: z
    .string()
    .transform((method) => method.toUpperCase())
    .optional(),
  /** Path below the API's prefix; `*` stands for one segment, `**` for any rest: `/servers/*\/actions/**`. */
  path: z.string().startsWith("/").optional(),
  times: z.int().positive().nullable().default(null),
  when: z.enum(["before", "after"]).default("before"),
  effect: z.union([requestEffect, cloudEffect]),
});

export type FaultInput = z.input<typeof faultInput>;
export type RequestEffect = z.output<typeof requestEffect>;
export type CloudEffect = z.output<typeof cloudEffect>;
export type Fault = z.output<typeof faultInput> & { readonly id: number; readonly struck: number };

export type RequestLine = { readonly api: ApiName; readonly method: string; readonly path: string };
export type RequestFault = { readonly id: number; readonly when: "before" | "after"; readonly effect: RequestEffect };

export interface Faults {
  add(input: FaultInput): Fault;
  list(): readonly Fault[];
  remove(id: number): boolean;
  clear(): void;
  /** The faults that strike this request, each counted as struck. */
  strikeRequest(request: RequestLine): readonly RequestFault[];
  /** The first cloud fault that `matches`, counted as struck. */
  strikeCloud<K extends CloudEffect["type"]>(
    type: K,
    matches: (effect: Extract<CloudEffect, { type: K }>) => boolean,
  ): Extract<CloudEffect, { type: K }> | undefined;
  /** Like {@link strikeCloud} without counting: for reads that only show the effect. */
  peekCloud<K extends CloudEffect["type"]>(
    type: K,
    matches: (effect: Extract<CloudEffect, { type: K }>) => boolean,
  ): boolean;
  /** Resolves when the fault is gone. */
  gone(id: number): Promise<void>;
}

/** Translates a path pattern to the expression it stands for. */
export function pathPattern(pattern: string): RegExp {
  const source = pattern
    .split(/(\*\*|\*)/)
    .map((part) => (part === "**" ? ".*" : part === "*" ? "[^/]+" : part.replaceAll(/[.+?^${}()|[\]\\]/g, "\\$&")))
    .join("");
  return new RegExp(`^${source}$`);
}

const isCloudEffect = (effect: Fault["effect"]): effect is CloudEffect =>
  effect.type === "stock_out" || effect.type === "action_failure";

function matchesRequest(fault: Fault, request: RequestLine): boolean {
  return (
    (fault.api === undefined || fault.api === request.api) &&
    (fault.method === undefined || fault.method === request.method) &&
    (fault.path === undefined || pathPattern(fault.path).test(request.path))
  );
}

export function createFaults(store: Store): Faults {
  const faults = store.collection<Fault>("faults");
  const waiting = new Map<number, Set<() => void>>();

  const release = (id: number): void => {
    for (const resolve of waiting.get(id) ?? []) resolve();
    waiting.delete(id);
  };
  // A fault strikes inside the very change it makes fail, whose rollback must not undo the count.
  const counts = new Map<number, number>();
  const struckOf = (fault: Fault): number => Math.max(fault.struck, counts.get(fault.id) ?? 0);
  const strike = (fault: Fault): void => {
    counts.set(fault.id, struckOf(fault) + 1);
    queueMicrotask(() => {
      const stored = faults.get(fault.id);
      if (stored !== undefined) faults.put({ ...stored, struck: struckOf(stored) });
    });
  };

  // A used-up hang keeps holding the requests it caught until it is removed, so struck faults stay listed.
  const usable = (fault: Fault): boolean => fault.times === null || struckOf(fault) < fault.times;

  const findCloud = <K extends CloudEffect["type"]>(
    type: K,
    matches: (effect: Extract<CloudEffect, { type: K }>) => boolean,
  ): Fault | undefined =>
    faults
      .all()
      .find(
        (fault) =>
          usable(fault) && fault.effect.type === type && matches(fault.effect as Extract<CloudEffect, { type: K }>),
      );

  return {
    add: (input) =>
      store.transaction(() => faults.put({ ...faultInput.parse(input), id: store.nextId("fault"), struck: 0 })),
    list: () => faults.all().map((fault) => ({ ...fault, struck: struckOf(fault) })),
    remove: (id) => {
      const removed = faults.delete(id);
      release(id);
      return removed;
    },
    clear: () => {
      for (const { id } of faults.all()) faults.delete(id);
      for (const id of [...waiting.keys()]) release(id);
      counts.clear();
    },
    strikeRequest: (request) => {
      if (faults.size === 0) return [];
      return faults.all().flatMap((fault) => {
        const { id, when, effect } = fault;
        if (isCloudEffect(effect) || !usable(fault) || !matchesRequest(fault, request)) return [];
        strike(fault);
        return [{ id, when, effect }];
      });
    },
    strikeCloud: (type, matches) => {
      const fault = findCloud(type, matches);
      if (fault === undefined) return undefined;
      strike(fault);
      return fault.effect as Extract<CloudEffect, { type: typeof type }>;
    },
    peekCloud: (type, matches) => findCloud(type, matches) !== undefined,
    gone: (id) =>
      new Promise((resolve) => {
        if (faults.get(id) === undefined) return resolve();
        const set = waiting.get(id) ?? new Set();
        set.add(resolve);
        waiting.set(id, set);
      }),
  };
}
