/** One emulator per suite, driven in process or over HTTP by the same tests. */

import assert from "node:assert/strict";
import { after, describe } from "node:test";
import { createCloudflareApp } from "../../../local/cloudflare/app.ts";
import type { ZoneSeed } from "../../../local/cloudflare/zone/zones.ts";
import { closeContext, createContext, type LocalContext } from "../../../local/shared/context.ts";
import { listen } from "../../../local/shared/serve.ts";

// biome-ignore lint/suspicious/noExplicitAny: bodies of an API, asserted on field by field
export type Body = any;
export type Answer = { readonly status: number; readonly body: Body; readonly headers: Headers };
export type Transport = "in process" | "over HTTP";

export const token = "c0ffee".repeat(7);

export type Api = {
  readonly context: LocalContext;
  readonly lines: readonly string[];
  /** With `/client/v4`; only over HTTP. */
  readonly baseUrl: string;
  /** `path` below `/client/v4`, or from `/_local` on. A header with the value "" is left out. */
  readonly call: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
  /** Expects success; gives `result`. */
  readonly result: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Body>;
  /** Expects this status and these error codes; gives the messages. */
  readonly refuse: (
    status: number,
    codes: number | readonly number[],
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<readonly string[]>;
  /** Makes or changes a zone; gives its id. */
  readonly zone: (name: string, plan: string) => Promise<string>;
  readonly close: () => Promise<void>;
};

export type StartOptions = {
  readonly transport?: Transport;
  readonly stateFile?: string;
  readonly zones?: readonly ZoneSeed[];
};

type Send = (path: string, init: RequestInit) => Promise<Response>;

const wrap = (send: Send, rest: Pick<Api, "context" | "lines" | "baseUrl" | "close">): Api => {
  const call: Api["call"] = async (method, path, body, headers = {}) => {
    const response = await send(path.startsWith("/_local") ? path : `/client/v4${path}`, {
      method,
      headers: Object.entries({ authorization: `Bearer ${token}`, ...headers }).filter(([, value]) => value !== ""),
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, body: text === "" ? {} : JSON.parse(text), headers: response.headers };
  };
  return {
    ...rest,
    call,
    result: async (method, path, body, headers) => {
      const answer = await call(method, path, body, headers);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      if (answer.status !== 204) {
        const { success, errors, messages } = answer.body;
        assert.deepEqual({ success, errors, messages }, { success: true, errors: [], messages: [] });
      }
      return answer.body.result;
    },
    refuse: async (status, codes, method, path, body, headers) => {
      const answer = await call(method, path, body, headers);
      const { success, errors = [], result } = answer.body;
      assert.deepEqual(
        { status: answer.status, codes: errors.map(({ code }: { code: number }) => code), success, result },
        { status, codes: [codes].flat(), success: false, result: null },
        JSON.stringify(answer.body),
      );
      return errors.map(({ message }: { message: string }) => message);
    },
    zone: async (name, plan) => (await call("POST", "/_local/zones", { name, plan })).body.zone.id,
  };
};

export const startApi = async (options: StartOptions = {}): Promise<Api> => {
  const lines: string[] = [];
  const context = createContext({
    stateFile: options.stateFile ?? ":memory:",
    log: (line) => lines.push(line),
  });
  const cloudflare = createCloudflareApp({ context, token, zones: options.zones ?? [] });
  const listener = options.transport === "in process" ? undefined : await listen(cloudflare.app, 0);
  const base = `http://127.0.0.1:${listener?.port}`;
  const send: Send = (path, init) =>
    listener === undefined ? Promise.resolve(cloudflare.app.request(path, init)) : fetch(`${base}${path}`, init);
  return wrap(send, {
    context,
    lines,
    baseUrl: `${base}/client/v4`,
    close: async () => {
      await listener?.close();
      await cloudflare.close();
      closeContext(context);
    },
  });
};

/** Ids of a fresh zone `example.com` and of its account. */
export type Place = { readonly zone: string; readonly account: string };

/** The same tests against a fresh emulator in process and another over HTTP; `example.com` is there on `plan`. */
export const battery = (
  name: string,
  plan: "free" | "pro" | "business",
  tests: (api: Api, place: Place) => void,
): void => {
  for (const transport of ["in process", "over HTTP"] as const) {
    describe(`${name}, ${transport}`, async () => {
      const api = await startApi({ transport, zones: [{ name: "example.com", plan }] });
      const [zone] = await api.result("GET", "/zones?name=example.com");
      after(() => api.close());
      tests(api, { zone: zone.id, account: zone.account.id });
    });
  }
};
