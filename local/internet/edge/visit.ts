import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from "node:http";
import { pipeline } from "node:stream/promises";
import {
  BodyCopy,
  type CacheSettings,
  type CacheStatus,
  EdgeCache,
  isEligible,
  keptHeaders,
  secondsToKeep,
  type Stored,
} from "./cache.ts";
import type { EdgeZone } from "./config.ts";
import type { Request, Response } from "./edge.ts";
import type { Origins, Outgoing } from "./exchange.ts";
import type { Facts } from "./expression.ts";
import { endToEnd, toOrigin, type Visit } from "./headers.ts";
import { OriginError, type Scheme } from "./origin.ts";
import type { ZoneRules } from "./rules.ts";

/** Status and code of an answer that the edge itself makes. */
export const sayError = (
  response: Response,
  status: number,
  code: number,
  ray: string,
  headers: OutgoingHttpHeaders = {},
): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  start(response, status, {
    ...headers,
    "content-type": "text/plain; charset=UTF-8",
    "cache-control": "private, no-store",
    "cf-ray": ray,
    server: "cloudflare",
  });
  response.end(`error code: ${code}\n`);
};

/** The two kinds of responses agree on these calls, and their types do not know it. */
const start = (response: Response, status: number, headers: OutgoingHttpHeaders): void => {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
};

const text = (value: string | readonly string[] | undefined): string =>
  typeof value === "string" ? value : (value ?? []).join(", ");

/** What rules may look at. */
export const factsOf = (visit: Visit, method: string, url: string, headers: IncomingHttpHeaders): Facts => {
  const [path = "/", query = ""] = url.split(/\?(.*)/s);
  return {
    "http.host": visit.host,
    "http.request.method": method,
    "http.request.uri": url,
    "http.request.uri.path": path,
    "http.request.uri.query": query,
    "http.request.full_uri": `${visit.scheme}://${visit.host}${url}`,
    "http.user_agent": text(headers["user-agent"]),
    "http.referer": text(headers.referer),
    "http.cookie": text(headers.cookie),
    "ip.src": visit.client,
    "ip.src.country": "XX",
    ssl: visit.scheme === "https",
    "cf.bot_management.verified_bot": false,
    "cf.client.bot": false,
  };
};

/** How the edge speaks to the origin: as the visitor does, unless the zone says otherwise. */
export const originScheme = ({ ssl }: EdgeZone, visitor: Scheme): Scheme => {
  if (ssl === "off" || ssl === "flexible") return "http";
  return ssl === "origin_pull" ? "https" : visitor;
};

/** Answers differ by the encoding a visitor takes, and the edge passes that wish on. */
const encodingOf = (headers: IncomingHttpHeaders): string =>
  ["br", "gzip"].filter((name) => text(headers["accept-encoding"]).includes(name)).join();

const withoutConditions = (headers: OutgoingHttpHeaders): OutgoingHttpHeaders => {
  const conditions = ["if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range", "range"];
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !conditions.includes(name)));
};

const hasBody = (request: Request): boolean =>
  "stream" in request
    ? !request.stream.endAfterHeaders
    : request.headers["content-length"] !== undefined || request.headers["transfer-encoding"] !== undefined;

type Passage = {
  readonly zone: EdgeZone;
  readonly visit: Visit;
  readonly request: Request;
  readonly response: Response;
  readonly outgoing: Outgoing;
};

/** One visitor's request from the first rule to the last byte of the answer. */
export class VisitHandler {
  readonly #origins: Origins;
  readonly #cache = new EdgeCache();
  readonly #log: (line: string) => void;

  constructor(origins: Origins, log: (line: string) => void) {
    this.#origins = origins;
    this.#log = log;
  }

  async handle(zone: EdgeZone, rules: ZoneRules, visit: Visit, request: Request, response: Response): Promise<void> {
    const url = request.url ?? "/";
    const method = request.method ?? "GET";
    if (visit.scheme === "http" && zone.alwaysUseHttps) {
      start(response, 301, { location: `https://${visit.host}${url}`, "cf-ray": visit.ray, server: "cloudflare" });
      response.end();
      return;
    }
    const facts = factsOf(visit, method, url, request.headers);
    const refusal = rules.refusal(facts, Date.now());
    if (refusal !== null) {
      const { status, code, retryAfter } = refusal;
      sayError(
        response,
        status,
        code,
        visit.ray,
        retryAfter === undefined ? {} : { "retry-after": String(retryAfter) },
      );
      return;
    }
    const gone = new AbortController();
    response.once("close", () => {
      if (!response.writableFinished) gone.abort();
    });
    const headers = toOrigin(request.headers, visit);
    const body = hasBody(request) ? request : null;
    const passage = {
      zone,
      visit,
      request,
      response,
      outgoing: { method, path: url, headers, body, signal: gone.signal },
    };
    const settings = rules.cacheSettings(facts);
    const isCached = !zone.developmentMode && isEligible(method, String(facts["http.request.uri.path"]), settings);
    await (isCached ? this.#fromCache(passage, settings) : this.#fromOrigin(passage, null));
  }

  async #fromCache(passage: Passage, settings: CacheSettings): Promise<void> {
    const { visit, request, response, outgoing } = passage;
    const key = JSON.stringify([visit.scheme, visit.host, outgoing.path, encodingOf(request.headers)]);
    const found = this.#cache.get(key);
    const now = Date.now();
    if (found !== undefined && found.freshUntil > now) {
      this.#tell(passage, found, now);
      return;
    }
    const headers = withoutConditions(outgoing.headers);
    const isWhole = outgoing.method === "GET";
    await this.#fromOrigin({ ...passage, response, outgoing: { ...outgoing, headers } }, (answer) => {
      const seconds = secondsToKeep({ status: answer.statusCode ?? 0, headers: answer.headers }, settings, now);
      const keep = seconds > 0 && isWhole;
      const status: CacheStatus = seconds === 0 ? "BYPASS" : found === undefined ? "MISS" : "EXPIRED";
      const kept = seconds > 0 ? keptHeaders(endToEnd(answer.headers), settings) : endToEnd(answer.headers);
      const store = (body: Buffer): void =>
        this.#cache.put(key, {
          status: answer.statusCode ?? 200,
          headers: kept,
          body,
          storedAt: now,
          freshUntil: now + seconds * 1000,
        });
      return { headers: kept, status, ...(keep ? { store } : {}) };
    });
  }

  /** An answer from the cache, or "not modified" to a visitor who has it. */
  #tell({ visit, request, response }: Passage, { status, headers, body, storedAt }: Stored, now: number): void {
    const isKnown = headers.etag !== undefined && text(request.headers["if-none-match"]) === headers.etag;
    const age = Math.floor((now - storedAt) / 1000);
    start(response, isKnown ? 304 : status, {
      ...headers,
      age: String(age),
      "cf-cache-status": "HIT",
      "cf-ray": visit.ray,
      server: "cloudflare",
    });
    response.end(isKnown || request.method === "HEAD" ? "" : body);
  }

  async #fromOrigin(
    { zone, visit, response, outgoing }: Passage,
    judge:
      | ((answer: IncomingMessage) => {
          readonly headers: OutgoingHttpHeaders;
          readonly status: CacheStatus;
          readonly store?: (body: Buffer) => void;
        })
      | null,
  ): Promise<void> {
    let answer: IncomingMessage;
    try {
      answer = await this.#origins.exchange(zone, originScheme(zone, visit.scheme), visit.host, outgoing);
    } catch (error) {
      if (!(error instanceof OriginError)) throw error;
      if (outgoing.signal.aborted) return;
      this.#log(`${visit.host}${outgoing.path}: ${error.status}: ${error.message}`);
      sayError(response, error.status, error.status, visit.ray);
      return;
    }
    const { headers, status, store } = judge?.(answer) ?? { headers: endToEnd(answer.headers), status: "DYNAMIC" };
    start(response, answer.statusCode ?? 502, {
      ...headers,
      "cf-cache-status": status,
      "cf-ray": visit.ray,
      server: "cloudflare",
    });
    const copy = new BodyCopy();
    if (store !== undefined) answer.on("data", (chunk: Buffer) => copy.add(chunk));
    try {
      await pipeline(answer, response);
    } catch {
      // Half an answer cannot be taken back: the visitor's connection breaks as the origin's did.
      response.destroy();
      return;
    }
    const whole = copy.whole();
    if (store !== undefined && whole !== undefined && answer.complete) store(whole);
  }
}
