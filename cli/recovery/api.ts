/** The two APIs as the recovery needs them: plain requests, patience with locks, and 404 as an answer. */
import { pause } from "../process/pause.ts";

export type ApiAccess = { readonly endpoint: string; readonly token: string };

export type Api = {
  /** Parsed body; undefined for 404. */
  get(path: string): Promise<unknown>;
  /** Parsed body. */
  post(path: string, body: unknown): Promise<unknown>;
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

/** 423 too, but nothing to wait for: somebody has to take the protection away. */
const isProtected = (body: string): boolean => /"code": ?"protected"/.test(body);
const patienceMs = 60_000;
const betweenMs = 250;

type Answer = { readonly status: number; readonly ok: boolean; readonly text: string };

export function createApi({ endpoint, token }: ApiAccess, signal: AbortSignal): Api {
  const base = endpoint.replace(/\/$/, "");
  const request = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      const response = await fetch(`${base}${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]),
      });
      const text = await response.text();
      const { status, ok } = response;
      if (!passing.has(status) || isProtected(text) || performance.now() > deadline) return { status, ok, text };
      await pause(betweenMs, signal);
    }
  };
  return {
    async get(path) {
      const { status, ok, text } = await request("GET", path);
      if (status === 404) return undefined;
      if (!ok) throw new ApiError("GET", path, status, text);
      return JSON.parse(text);
    },
    async post(path, body) {
      const { status, ok, text } = await request("POST", path, body);
      if (!ok) throw new ApiError("POST", path, status, text);
      return JSON.parse(text);
    },
    async send(method, path, body) {
      const { status, ok, text } = await request(method, path, body);
      if (!ok && status !== 404) throw new ApiError(method, path, status, text);
    },
  };
}
