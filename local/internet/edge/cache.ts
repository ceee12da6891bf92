import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** What `cf-cache-status` says (CFD cache/concepts/cache-responses). */
export type CacheStatus = "HIT" | "MISS" | "EXPIRED" | "BYPASS" | "DYNAMIC";

export type Stored = {
  readonly status: number;
  readonly headers: OutgoingHttpHeaders;
  readonly body: Buffer;
  readonly storedAt: number;
  readonly freshUntil: number;
};

/** What the cache rules that match a request say, later ones over earlier ones. */
export type CacheSettings = {
  readonly cache?: boolean;
  readonly edge_ttl?: { readonly mode: string; readonly default?: number };
  readonly browser_ttl?: { readonly mode: string; readonly default?: number };
};

/** File name extensions that are cached without a rule (CFD cache/concepts/default-cache-behavior). */
const defaultExtensions = new Set(
  (
    "7z avi avif apk bin bmp bz2 class css csv dmg doc docx ejs eot eps exe flac gif gz ico iso jar jpeg jpg js mid midi mkv " +
    "mp3 mp4 ogg otf pdf pict pls png ppt pptx ps rar svg svgz swf tar tif tiff ttf webm webp woff woff2 xls xlsx zip zst"
  ).split(" "),
);

const extensionOf = (path: string): string => /\.([A-Za-z0-9]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";

/** Whether a request may be answered from the cache at all. */
export const isEligible = (method: string, path: string, settings: CacheSettings): boolean =>
  (method === "GET" || method === "HEAD") && (settings.cache ?? defaultExtensions.has(extensionOf(path)));

const directives = (header: string | undefined): ReadonlyMap<string, string> =>
  new Map(
    (header ?? "").split(",").map((part) => {
      const [name = "", value = ""] = part.trim().toLowerCase().split("=");
      return [name, value.replaceAll('"', "")] as const;
    }),
  );

/** Seconds by status where neither rule nor origin says one (CFD cache/how-to/configure-cache-status-code). */
const defaultTtl: Readonly<Record<number, number>> = {
  200: 7200,
  206: 7200,
  301: 7200,
  302: 1200,
  303: 1200,
  404: 180,
  410: 180,
};

const originTtl = (status: number, headers: IncomingHttpHeaders, mode: string | undefined, now: number): number => {
  const control = directives(headers["cache-control"]);
  if (["private", "no-store", "no-cache"].some((name) => control.has(name)) || headers["set-cookie"] !== undefined) {
    return 0;
  }
  const age = control.get("s-maxage") ?? control.get("max-age");
  if (age !== undefined) return Number(age) || 0;
  const expires = Date.parse(headers.expires ?? "");
  if (!Number.isNaN(expires)) return Math.max(0, (expires - now) / 1000);
  return mode === "bypass_by_default" ? 0 : (defaultTtl[status] ?? 0);
};

/** For how many seconds an answer may be kept; 0: not at all. */
export const secondsToKeep = (
  answer: { readonly status: number; readonly headers: IncomingHttpHeaders },
  settings: CacheSettings,
  now: number,
): number => {
  const { mode, default: seconds } = settings.edge_ttl ?? { mode: "respect_origin" };
  if (mode === "override_origin") return defaultTtl[answer.status] === undefined ? 0 : (seconds ?? 0);
  return originTtl(answer.status, answer.headers, mode, now);
};

/** Headers of an answer that is kept, as visitors get them. */
export const keptHeaders = (headers: OutgoingHttpHeaders, settings: CacheSettings): OutgoingHttpHeaders => {
  const { "set-cookie": _personal, ...rest } = headers;
  const { mode, default: seconds } = settings.browser_ttl ?? { mode: "respect_origin" };
  return mode === "override_origin" ? { ...rest, "cache-control": `max-age=${seconds ?? 0}` } : rest;
};

/** Bytes of one answer that are kept, and of all together; least recently used ones go first. */
const largestEntry = 8 * 1024 * 1024;
const largestTotal = 64 * 1024 * 1024;

export class EdgeCache {
  readonly #entries = new Map<string, Stored>();
  #bytes = 0;

  get(key: string): Stored | undefined {
    const found = this.#entries.get(key);
    if (found === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, found);
    return found;
  }

  put(key: string, entry: Stored): void {
    if (entry.body.length > largestEntry) return;
    this.#drop(key);
    this.#entries.set(key, entry);
    this.#bytes += entry.body.length;
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= largestTotal) break;
      this.#drop(oldest);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#bytes = 0;
  }

  #drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.body.length ?? 0;
    this.#entries.delete(key);
  }
}

/** Collects a body as it passes by; undefined once it is too large to keep. */
export class BodyCopy {
  #chunks: Buffer[] | undefined = [];
  #bytes = 0;

  add(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > largestEntry) this.#chunks = undefined;
    this.#chunks?.push(chunk);
  }

  whole(): Buffer | undefined {
    return this.#chunks === undefined ? undefined : Buffer.concat(this.#chunks);
  }
}
