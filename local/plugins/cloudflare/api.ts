/** Client of the Cloudflare API v4 with the retry rules of cloudflare-go (two repeats of 408, 409, 429 and 5xx). */

import { type Answer, exchange, grpcStatus, pause } from "../core/http.ts";
import { JsonView } from "../core/json.ts";
import type { Value } from "../core/values.ts";
import { RpcError } from "../rpc/server.ts";

export type CloudflareOptions = {
  /** With `/client/v4`, without a slash at the end. */
  readonly baseUrl: string;
  readonly token: string;
  /** First wait before a repeat, in milliseconds; each further one doubles it. */
  readonly retryBaseMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

const RETRIES = 2;
const LONGEST_WAIT_MS = 8000;

const messageOf = (errors: readonly JsonView[]): string => {
  const told = errors.map((error) => {
    const pointer = error.at("source", "pointer");
    return `${error.at("message").stringOr("no message")} (${error.at("code").numberOr(0)})${pointer.present ? ` at ${pointer.string()}` : ""}`;
  });
  return told.length > 0 ? told.join("; ") : "no message";
};

/** A refusal by the API. */
export class CloudflareError extends RpcError {
  readonly status: number;
  readonly codes: readonly number[];

  constructor(request: string, status: number, body: Value | undefined) {
    const errors = new JsonView(body, "answer").at("errors").list();
    super(grpcStatus(status), `${request}: ${status} ${messageOf(errors)}`);
    this.name = "CloudflareError";
    this.status = status;
    this.codes = errors.map((error) => error.at("code").numberOr(0));
  }
}

const mayRetry = (status: number): boolean => [408, 409, 429].includes(status) || status >= 500;

export type Headers = Readonly<Record<string, string>>;

export class CloudflareApi {
  readonly #options: CloudflareOptions;

  constructor(options: CloudflareOptions) {
    this.#options = options;
  }

  #once(method: string, path: string, body: Value | undefined, headers: Headers): Promise<Answer> {
    return exchange({
      method,
      url: `${this.#options.baseUrl}${path}`,
      headers: { authorization: `Bearer ${this.#options.token}`, ...headers },
      body,
      timeoutMs: this.#options.timeoutMs,
      signal: this.#options.signal,
    });
  }

  #wait(attempt: number, answer: Answer): Promise<void> {
    const told = Number(answer.headers.get("retry-after") ?? "0") * 1000;
    const own = Math.min(this.#options.retryBaseMs * 2 ** attempt, LONGEST_WAIT_MS);
    return pause(told > 0 && told <= 60_000 ? told : own, this.#options.signal);
  }

  /** The whole envelope of an answer. */
  async request(method: string, path: string, body?: Value, headers: Headers = {}): Promise<JsonView> {
    for (let attempt = 0; ; attempt += 1) {
      const answer = await this.#once(method, path, body, headers);
      if (answer.status < 400) {
        return new JsonView(answer.body, `${method} ${path}`);
      }
      if (attempt >= RETRIES || !mayRetry(answer.status)) {
        throw new CloudflareError(`${method} ${path}`, answer.status, answer.body);
      }
      await this.#wait(attempt, answer);
    }
  }

  async result(method: string, path: string, body?: Value, headers: Headers = {}): Promise<JsonView> {
    return (await this.request(method, path, body, headers)).at("result");
  }

  /** Undefined when the API answers 404. */
  async find(path: string, headers: Headers = {}): Promise<JsonView | undefined> {
    try {
      return await this.result("GET", path, undefined, headers);
    } catch (failure) {
      if (failure instanceof CloudflareError && failure.status === 404) {
        return undefined;
      }
      throw failure;
    }
  }

  /** A 404 counts as done. */
  async remove(path: string, headers: Headers = {}): Promise<void> {
    try {
      await this.request("DELETE", path, undefined, headers);
    } catch (failure) {
      if (!(failure instanceof CloudflareError && failure.status === 404)) {
        throw failure;
      }
    }
  }
}
