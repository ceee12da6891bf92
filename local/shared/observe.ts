/**
 * What came in. The request log is a ring in memory; `unhandled` counts every route or field an emulator does not know,
 * because such a request means that an answer would have been made up.
 */
import type { ApiName } from "./faults.ts";

export type RequestEntry = {
  readonly at: string;
  readonly api: ApiName;
  readonly method: string;
  /** Path and query. Bodies and headers are never kept: they hold user-data, keys and tokens. */
  readonly path: string;
  readonly status: number;
  readonly milliseconds: number;
};

export type UnhandledEntry = {
  readonly api: ApiName;
  readonly kind: "route" | "field" | "query";
  readonly method: string;
  readonly path: string;
  /** Dotted path of the unknown field or name of the unknown query parameter; empty for a route. */
  readonly field: string;
  readonly count: number;
};

export interface Observer {
  request(entry: RequestEntry): void;
  /** Newest last, at most {@link logLength}. */
  requests(): readonly RequestEntry[];
  /** Requests ever seen, also those the ring has dropped. */
  requestCount(): number;
  unknown(entry: Omit<UnhandledEntry, "count">): void;
  unhandled(): readonly UnhandledEntry[];
  clear(): void;
}

export const logLength = 2000;

/** Numbers and long ids in a path are replaced so that a hundred servers count as one unknown route. */
const generalize = (path: string): string => path.replaceAll(/\/(\d+|[0-9a-f]{32})(?=\/|$)/g, "/{id}");

export function createObserver(log: (line: string) => void): Observer {
  let ring: RequestEntry[] = [];
  let seen = 0;
  const unknown = new Map<string, UnhandledEntry>();
  return {
    request: (entry) => {
      seen += 1;
      ring.push(entry);
      if (ring.length > logLength * 2) ring = ring.slice(-logLength);
    },
    requests: () => ring.slice(-logLength),
    requestCount: () => seen,
    unknown: (entry) => {
      const path = generalize(entry.path);
      const key = [entry.api, entry.kind, entry.method, path, entry.field].join(" ");
      const count = (unknown.get(key)?.count ?? 0) + 1;
      unknown.set(key, { ...entry, path, count });
      if (count === 1) log(`unknown ${entry.kind}: ${entry.api} ${entry.method} ${path} ${entry.field}`.trimEnd());
    },
    unhandled: () => [...unknown.values()],
    clear: () => {
      ring = [];
      seen = 0;
      unknown.clear();
    },
  };
}
