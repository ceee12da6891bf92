/** One emulator per suite, driven in process or over HTTP by the same tests. */
import assert from "node:assert/strict";
import { after, describe } from "node:test";
import { createHetznerApp } from "../../../local/hetzner/app.ts";
import { type MachineDriver, noMachines } from "../../../local/hetzner/driver.ts";
import { closeContext, createContext } from "../../../local/shared/context.ts";
import { listen } from "../../../local/shared/serve.ts";
import type { Action, ApiFault, Body, Network, Server } from "./shapes.ts";

/** A request body. */
export type Json = Readonly<Record<string, unknown>>;
export type Answer = { readonly status: number; readonly body: Body; readonly headers: Headers };

export type Api = {
  readonly token: string;
  readonly lines: readonly string[];
  /** `path` below `/v1`, or from `/_local` on. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Expects this status; gives the body. */
  expect(status: number, method: string, path: string, body?: unknown): Promise<Body>;
  /** Expects an error of this status and code; gives the error. */
  refuse(status: number, code: string, method: string, path: string, body?: unknown): Promise<ApiFault>;
  /** Sends, expects 2xx, waits for every action of the answer and gives the body. */
  done(method: string, path: string, body?: unknown): Promise<Body>;
  /** Waits for an action; gives it as it ended. */
  settle(action: Action): Promise<Action>;
  close(): Promise<void>;
};

export type Transport = "in process" | "over HTTP";
export type StartOptions = { readonly transport?: Transport; readonly driver?: MachineDriver; readonly delay?: number };

const token = "0123456789abcdef".repeat(4);

function wrap(
  send: (path: string, init: RequestInit) => Promise<Response>,
  lines: readonly string[],
  close: () => Promise<void>,
): Api {
  const api: Api = {
    token,
    lines,
    close,
    call: async (method, path, body, headers = {}) => {
      const response = await send(path.startsWith("/_local") ? path : `/v1${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
      });
      const text = await response.text();
      return {
        status: response.status,
        body: (text === "" ? {} : JSON.parse(text)) as Body,
        headers: response.headers,
      };
    },
    expect: async (status, method, path, body) => {
      const answer = await api.call(method, path, body);
      assert.equal(answer.status, status, `${method} ${path}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    refuse: async (status, code, method, path, body) => {
      const answer = await api.call(method, path, body);
      const { error } = answer.body as Partial<Body>;
      assert.deepEqual([answer.status, error?.code], [status, code], JSON.stringify(answer.body));
      return answer.body.error;
    },
    done: async (method, path, body) => {
      const answer = await api.call(method, path, body);
      assert.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      const { action, actions = [], next_actions = [] } = answer.body as Partial<Body>;
      for (const each of [action, ...actions, ...next_actions]) {
        // Creations that need no time answer with `action: null`.
        if (each == null) continue;
        const ended = await api.settle(each);
        assert.equal(ended.status, "success", JSON.stringify(ended));
      }
      return answer.body;
    },
    settle: async (action) => {
      for (;;) {
        const { body } = await api.call("GET", `/actions/${action.id}`);
        if (body.action.status !== "running") return body.action;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    },
  };
  return api;
}

export async function startApi(options: StartOptions = {}): Promise<Api> {
  const lines: string[] = [];
  const context = createContext({ stateFile: ":memory:", log: (line) => lines.push(line) });
  const hetzner = createHetznerApp({ context, token, driver: options.driver ?? noMachines });
  const listener = options.transport === "in process" ? undefined : await listen(hetzner.app, 0);
  const send = (path: string, init: RequestInit): Promise<Response> =>
    listener === undefined
      ? Promise.resolve(hetzner.app.request(path, init))
      : fetch(`http://127.0.0.1:${listener.port}${path}`, init);
  const api = wrap(send, lines, async () => {
    await listener?.close();
    await hetzner.close();
    closeContext(context);
  });
  await api.expect(200, "PUT", "/_local/delays", { default: options.delay ?? 4, selectors: 4, health: 20 });
  await api.expect(200, "PUT", "/_local/rate-limit", { size: 100_000 });
  return api;
}

/** The same tests against a fresh emulator in process and another over HTTP. */
export function battery(name: string, tests: (api: Api) => void): void {
  for (const transport of ["in process", "over HTTP"] as const) {
    describe(`${name}, ${transport}`, async () => {
      const api = await startApi({ transport });
      after(() => api.close());
      tests(api);
    });
  }
}

export const keys = {
  first: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHk0Zp0SSyU5oyTwV1HTAlQXUj4MaNFg0Jr8N8UDvgMj first@test",
  second: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFgq2x3HsmdJcTf6U4EN6ZjpLsYc0EEl1jLpPgTzKjEo second@test",
} as const;

let counter = 0;
/** A server that runs, with what the test does not care about filled in. */
export async function newServer(api: Api, more: Json = {}): Promise<Server> {
  counter += 1;
  const body = { name: `server-${counter}`, server_type: "cpx22", image: "debian-13", location: "fsn1", ...more };
  const created = await api.done("POST", "/servers", body);
  return serverOf(api, created.server.id);
}

export const serverOf = async (api: Api, id: number): Promise<Server> =>
  (await api.expect(200, "GET", `/servers/${id}`)).server;

export const subnet = (ip_range: string, network_zone = "eu-central"): Json => ({
  type: "cloud",
  ip_range,
  network_zone,
});

export async function newNetwork(api: Api, more: Json = {}): Promise<Network> {
  counter += 1;
  const body = { name: `network-${counter}`, ip_range: "10.0.0.0/16", subnets: [subnet("10.0.1.0/24")], ...more };
  return (await api.done("POST", "/networks", body)).network;
}

/** Waits until `read` gives a value that satisfies `holds`. */
export async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Runs `work` while the cloud's time stands still, so that no action ends meanwhile. */
export async function frozen<T>(api: Api, work: () => Promise<T>): Promise<T> {
  await api.expect(200, "POST", "/_local/clock", { frozen: true });
  try {
    return await work();
  } finally {
    await api.expect(200, "POST", "/_local/clock", { frozen: false });
  }
}
