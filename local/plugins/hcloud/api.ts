/**
 * Client of the Hetzner Cloud API with the retry and polling rules of hcloud-go (client_handler_retry.go,
 * action_waiter.go) and of terraform-provider-hcloud (internal/util/control/retry.go).
 */

import * as grpc from "@grpc/grpc-js";
import { type Answer, exchange, NoAnswer, pause } from "../core/http.ts";
import { JsonView } from "../core/json.ts";
import type { Value } from "../core/values.ts";
import { RpcError } from "../rpc/server.ts";
import { ActionFailed, HcloudError, hasCode } from "./errors.ts";

export type HcloudOptions = {
  readonly endpoint: string;
  readonly token: string;
  /** Interval between two looks at a running action, in milliseconds. */
  readonly pollIntervalMs: number;
  /** `exponential` doubles the interval each time, up to {@link LONGEST_POLL_MS}. */
  readonly pollFunction: "constant" | "exponential";
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

const RETRIES = 5;
const LONGEST_POLL_MS = 10_000;
/** Actions are asked for in chunks of this many ids. */
const CHUNK = 25;
const PAGE = 50;

/** Codes every call is repeated for; nothing has happened when the API answers with one of them. */
const ALWAYS_RETRIED = ["conflict", "rate_limit_exceeded"];
const RETRIED_STATUSES = [502, 504];

const mayRetry = (failure: unknown, method: string): boolean => {
  if (failure instanceof HcloudError) {
    return ALWAYS_RETRIED.includes(failure.errorCode) || RETRIED_STATUSES.includes(failure.status);
  }
  return failure instanceof NoAnswer && failure.reason === "timeout" && method === "GET";
};

export class HcloudApi {
  readonly #options: HcloudOptions;

  constructor(options: HcloudOptions) {
    this.#options = options;
  }

  #backoff(attempt: number): Promise<void> {
    // hcloud-go waits 1 s, 2 s, 4 s … at its default polling interval of 500 ms.
    const delay = 2 * this.#options.pollIntervalMs * 2 ** attempt;
    return pause(Math.min(delay, 120 * this.#options.pollIntervalMs), this.#options.signal);
  }

  async #once(method: string, path: string, body: Value | undefined): Promise<JsonView> {
    const answer: Answer = await exchange({
      method,
      url: `${this.#options.endpoint}${path}`,
      headers: { authorization: `Bearer ${this.#options.token}` },
      body,
      timeoutMs: this.#options.timeoutMs,
      signal: this.#options.signal,
    });
    if (answer.status >= 400) {
      throw new HcloudError(`${method} ${path}`, answer.status, answer.body);
    }
    return new JsonView(answer.body, `${method} ${path}`);
  }

  async request(method: string, path: string, body?: Value): Promise<JsonView> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await this.#once(method, path, body);
      } catch (failure) {
        if (attempt >= RETRIES || !mayRetry(failure, method)) {
          throw failure;
        }
        await this.#backoff(attempt);
      }
    }
  }

  /** Repeats `operation` while it fails with one of the codes, as the provider does around single calls. */
  async retrying<Result>(
    codes: readonly string[] | "any",
    operation: () => Promise<Result>,
    tries = RETRIES,
  ): Promise<Result> {
    for (let attempt = 0; ; attempt += 1) {
      try {
        return await operation();
      } catch (failure) {
        const wanted = codes === "any" ? !(failure instanceof NoAnswer) : hasCode(failure, ...codes);
        if (attempt + 1 >= tries || !wanted) {
          throw failure;
        }
        await this.#backoff(attempt);
      }
    }
  }

  get(path: string): Promise<JsonView> {
    return this.request("GET", path);
  }

  /** Undefined when the API answers 404. */
  async find(path: string): Promise<JsonView | undefined> {
    try {
      return await this.get(path);
    } catch (failure) {
      if (failure instanceof HcloudError && failure.status === 404) {
        return undefined;
      }
      throw failure;
    }
  }

  /** All pages of a list. `query` without page parameters, for example `?name=web`. */
  async list(path: string, key: string, query = ""): Promise<readonly JsonView[]> {
    const found: JsonView[] = [];
    const joint = query === "" ? "?" : `${query}&`;
    for (let page = 1; ; page += 1) {
      const answer = await this.get(`${path}${joint}page=${page}&per_page=${PAGE}`);
      found.push(...answer.at(key).list());
      if (!answer.at("meta", "pagination", "next_page").present) {
        return found;
      }
    }
  }

  /** By numeric id, else by exact name; undefined when there is none. */
  async byIdOrName(
    path: string,
    key: { readonly one: string; readonly many: string },
    idOrName: string,
  ): Promise<JsonView | undefined> {
    if (/^\d+$/.test(idOrName)) {
      const found = await this.find(`${path}/${idOrName}`);
      if (found !== undefined) {
        return found.at(key.one);
      }
    }
    return (await this.list(path, key.many, `?name=${encodeURIComponent(idOrName)}`))[0];
  }

  post(path: string, body: Value): Promise<JsonView> {
    return this.request("POST", path, body);
  }

  put(path: string, body: Value): Promise<JsonView> {
    return this.request("PUT", path, body);
  }

  /** Deletes and waits; a 404 counts as done. */
  async remove(path: string): Promise<void> {
    try {
      await this.settle(await this.request("DELETE", path));
    } catch (failure) {
      if (!(failure instanceof HcloudError && failure.status === 404)) {
        throw failure;
      }
    }
  }

  /** Posts an action and waits until it has succeeded. */
  async act(path: string, body: Value = {}): Promise<JsonView> {
    const answer = await this.post(path, body);
    await this.settle(answer);
    return answer;
  }

  /** Waits for every action an answer names (`action`, `actions`, `next_actions`). */
  async settle(answer: JsonView): Promise<void> {
    const single = answer.at("action");
    const actions = [
      ...(single.present ? [single] : []),
      ...answer.at("actions").list(),
      ...answer.at("next_actions").list(),
    ];
    const running = actions.filter((action) => this.#isRunning(action)).map((action) => action.at("id").number());
    for (let start = 0; start < running.length; start += CHUNK) {
      await this.#await(running.slice(start, start + CHUNK));
    }
  }

  #isRunning(action: JsonView): boolean {
    const status = action.at("status").string();
    if (status === "error") {
      throw new ActionFailed(action);
    }
    return status === "running";
  }

  async #await(ids: readonly number[]): Promise<void> {
    let waiting = ids;
    for (let look = 0; waiting.length > 0; look += 1) {
      const { pollIntervalMs, pollFunction, signal } = this.#options;
      const interval = pollFunction === "constant" ? pollIntervalMs : pollIntervalMs * 2 ** look;
      await pause(Math.min(interval, LONGEST_POLL_MS), signal);
      const query = `?${waiting.map((id) => `id=${id}`).join("&")}&sort=status&sort=id`;
      const actions = await this.list("/actions", "actions", query);
      const missing = waiting.filter((id) => !actions.some((action) => action.at("id").number() === id));
      if (missing.length > 0) {
        throw new RpcError(grpc.status.NOT_FOUND, `actions not found: ${missing.join(", ")}`);
      }
      waiting = actions.filter((action) => this.#isRunning(action)).map((action) => action.at("id").number());
    }
  }
}
