import { randomBytes } from "node:crypto";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";

/** Headers of one connection only (RFC 9110, 7.6.1), and those of HTTP/2 that are no headers in HTTP/1.1. */
const hopByHop = new Set([
  "connection",
  // The edge itself tells the visitor to go on.
  "expect",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
]);

const named = (connection: string | undefined): readonly string[] =>
  (connection ?? "").split(",").map((name) => name.trim().toLowerCase());

/** End-to-end headers only. */
export const endToEnd = (headers: IncomingHttpHeaders): OutgoingHttpHeaders => {
  const dropped = new Set(named(headers.connection));
  return Object.fromEntries(
    Object.entries(headers).filter(
      ([name, value]) => value !== undefined && !name.startsWith(":") && !hopByHop.has(name) && !dropped.has(name),
    ),
  );
};

/** Sixteen hexadecimal digits and the data centre. */
export const newRay = (): string => `${randomBytes(8).toString("hex")}-LOC`;

export type Visit = {
  readonly host: string;
  readonly scheme: "http" | "https";
  readonly client: string;
  readonly ray: string;
};

/**
 * What an origin gets (CFD fundamentals/reference/http-headers). Headers of these names that a visitor sends are replaced,
 * except X-Forwarded-For, to which the visitor's address is added.
 */
export const toOrigin = (headers: IncomingHttpHeaders, visit: Visit): OutgoingHttpHeaders => {
  const forwarded = headers["x-forwarded-for"];
  const before = forwarded === undefined ? [] : [String(forwarded)];
  return {
    ...endToEnd(headers),
    host: visit.host,
    "cf-connecting-ip": visit.client,
    "cf-ray": visit.ray,
    "cf-visitor": JSON.stringify({ scheme: visit.scheme }),
    // "XX" is Cloudflare's code for "not known".
    "cf-ipcountry": "XX",
    "cdn-loop": "cloudflare; loops=1",
    "x-forwarded-for": [...before, visit.client].join(", "),
    "x-forwarded-proto": visit.scheme,
  };
};
