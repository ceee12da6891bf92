/** One HTTP exchange of JSON with a local emulator. */

import * as grpc from "@grpc/grpc-js";
import { RpcError } from "../rpc/server.ts";
import type { Value } from "./values.ts";

export type Exchange = {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Value | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

export type Answer = { readonly status: number; readonly headers: Headers; readonly body: Value | undefined };

/** What a refusal with this HTTP status is to the engine. */
export const grpcStatus = (status: number): grpc.status => {
  if (status === 404) {
    return grpc.status.NOT_FOUND;
  }
  if (status === 401 || status === 403) {
    return grpc.status.PERMISSION_DENIED;
  }
  return status >= 500 ? grpc.status.UNAVAILABLE : grpc.status.FAILED_PRECONDITION;
};

/** No answer came. `refused`: nothing listens there, so nothing can have happened. */
export class NoAnswer extends RpcError {
  readonly reason: "timeout" | "cancelled" | "refused" | "broken";

  constructor(reason: NoAnswer["reason"], request: Exchange, detail: string) {
    const maybeDone = request.method !== "GET" && (reason === "timeout" || reason === "broken");
    // UNKNOWN tells the engine that it cannot say what state the resource is in.
    super(
      maybeDone ? grpc.status.UNKNOWN : grpc.status.UNAVAILABLE,
      `${request.method} ${request.url}: ${detail}${maybeDone ? "; the API may have carried it out all the same: run pulumi refresh before the next update" : ""}`,
    );
    this.name = "NoAnswer";
    this.reason = reason;
  }
}

const causeCode = (failure: unknown): string => {
  const cause = failure instanceof Error ? (failure.cause as { code?: string } | undefined) : undefined;
  return cause?.code ?? (failure instanceof Error ? failure.message : String(failure));
};

const noAnswer = (request: Exchange, failure: unknown): NoAnswer => {
  if (request.signal.aborted && request.method === "GET") {
    return new NoAnswer("cancelled", request, "cancelled while waiting for the answer");
  }
  if (failure instanceof Error && failure.name === "TimeoutError") {
    return new NoAnswer("timeout", request, `no answer within ${request.timeoutMs / 1000} s`);
  }
  const code = causeCode(failure);
  return code === "ECONNREFUSED"
    ? new NoAnswer("refused", request, "nothing listens there; start the local cloud")
    : new NoAnswer("broken", request, `connection lost (${code})`);
};

/**
 * A cancelled run waits for no answer to a question. It does wait for that to a change: cut off, the change may happen all
 * the same, and the engine would forget that it was asked for. Killed meanwhile, the engine's note of it stays.
 */
const patience = ({ method, signal, timeoutMs }: Exchange): AbortSignal => {
  const limit = AbortSignal.timeout(timeoutMs);
  return method === "GET" ? AbortSignal.any([signal, limit]) : limit;
};

/**
 * @throws {@link NoAnswer} when there is none. Any status is an answer; text that is not JSON becomes an undefined body.
 */
export const exchange = async (request: Exchange): Promise<Answer> => {
  try {
    const response = await fetch(request.url, {
      method: request.method,
      headers: { ...request.headers, ...(request.body === undefined ? {} : { "content-type": "application/json" }) },
      ...(request.body === undefined ? {} : { body: JSON.stringify(request.body) }),
      signal: patience(request),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: parse(text) };
  } catch (failure) {
    throw noAnswer(request, failure);
  }
};

const parse = (text: string): Value | undefined => {
  try {
    return JSON.parse(text) as Value;
  } catch {
    return undefined;
  }
};

/** Resolves after the delay, or rejects at once when the run is cancelled. */
export const pause = (delayMs: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      reject(new RpcError(grpc.status.CANCELLED, "cancelled while waiting"));
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", stop);
      resolve();
    }, delayMs);
    if (signal.aborted) {
      stop();
    } else {
      signal.addEventListener("abort", stop, { once: true });
    }
  });

/** Longest wait for one answer unless the environment says otherwise, in milliseconds. */
export const requestTimeout = (environment: { readonly [name: string]: string | undefined }): number => {
  const given = Number(environment.STAND_IN_REQUEST_TIMEOUT_MS ?? "");
  return Number.isFinite(given) && given > 0 ? given : 60_000;
};
