/** The two APIs as the recovery needs them: plain requests, patience with locks, and 404 as an answer. */
import { setTimeout as delay } from "node:timers/promises";

export type ApiAccess = { readonly endpoint: string; readonly token: string };

export type Api = {
  /** Parsed body; undefined for 404. */
  get(path: string): Promise<unknown>;
  /** 404 is success: what shall be gone is gone. */
  send(method: "POST" | "DELETE", path: string, body?: unknown): Promise<void>;
};

export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;

  constructor(method: string, path: string, status: number, body: string) {
    super(`${method} ${path}: ${status} ${body.slice(0, 300)}`);
    this.status = status;
  }
}

/** 409 conflict and 423 locked pass when the action that holds the resource ends; 429 and 503 by themselves. */
const passing = new Set([409, 423, 429, 503]);
const patienceMs = 60_000;
const betweenMs = 250;

export function createApi({ endpoint, token }: ApiAccess, signal: AbortSignal): Api {
  const base = endpoint.replace(/\/$/, "");
  const request = async (method: string, path: string, body?: unknown): Promise<Response> => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
      });
      if (!passing.has(response.status) || performance.now() > deadline) return response;
      await response.body?.cancel();
      await delay(betweenMs, undefined, { signal });
    }
  };
  return {
    async get(path) {
      const response = await request("GET", path);
      if (response.status === 404) return undefined;
      if (!response.ok) throw new ApiError("GET", path, response.status, await response.text());
      return response.json();
    },
    async send(method, path, body) {
      const response = await request(method, path, body);
      const text = await response.text();
      if (!response.ok && response.status !== 404) throw new ApiError(method, path, response.status, text);
    },
  };
}
