/** Both emulators in this process, and calls to them. */

import assert from "node:assert/strict";
import { createCloudflareApp } from "../../../local/cloudflare/app.ts";
import { createHetznerApp } from "../../../local/hetzner/app.ts";
import { noMachines } from "../../../local/hetzner/driver.ts";
import { closeContext, createContext } from "../../../local/shared/context.ts";
import type { FaultInput } from "../../../local/shared/faults.ts";
import { listen } from "../../../local/shared/serve.ts";

/** Looks random, so that the engine's log filter does not blank ordinary words; 64 characters, as hcloud wants it. */
export const TOKEN = "kZ3vQ9xW2mN7bR5tY8uI1oP4aS6dF0gH3jK9lZ2xC5vB8nM1qW4eR7tY0uI3oP6a";

// biome-ignore lint/suspicious/noExplicitAny: answers of an API, asserted on field by field
export type Answer = any;

export type LocalCloud = {
  readonly hetzner: { readonly endpoint: string };
  readonly cloudflare: { readonly endpoint: string };
  /** A call to the Hetzner API, expected to succeed. */
  readonly hcloud: (method: string, path: string, body?: unknown) => Promise<Answer>;
  /** A call to the Cloudflare API; gives `result`. */
  readonly cf: (method: string, path: string, body?: unknown) => Promise<Answer>;
  readonly fault: (input: FaultInput) => number;
  /** How often the fault has struck. */
  readonly struck: (id: number) => number;
  readonly liftFaults: () => void;
  /** Requests so far as `METHOD path`, without polling. */
  readonly requests: () => readonly string[];
  readonly unhandled: () => readonly unknown[];
  readonly close: () => Promise<void>;
};

const call = async (base: string, method: string, path: string, body?: unknown): Promise<Answer> => {
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { authorization: `Bearer ${TOKEN}` },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${text}`);
  return text === "" ? {} : (JSON.parse(text) as Answer);
};

/** `example.com` exists in Cloudflare with the Pro plan. */
export const startCloud = async (actionMs = 5): Promise<LocalCloud> => {
  const context = createContext({ stateFile: ":memory:", log: () => undefined });
  const hetzner = createHetznerApp({ context, token: TOKEN, driver: noMachines });
  const cloudflare = createCloudflareApp({ context, token: TOKEN, zones: [{ name: "example.com", plan: "pro" }] });
  const listeners = [await listen(hetzner.app, 0), await listen(cloudflare.app, 0)] as const;
  const bases = [`http://127.0.0.1:${listeners[0].port}`, `http://127.0.0.1:${listeners[1].port}`] as const;
  await call(bases[0], "PUT", "/_local/delays", { default: actionMs, selectors: 0, health: 0 });
  const hcloud = async (method: string, path: string, body?: unknown): Promise<Answer> => {
    const answer: Answer = await call(`${bases[0]}/v1`, method, path, body);
    const actions = [answer.action, ...(answer.actions ?? []), ...(answer.next_actions ?? [])].filter(Boolean);
    for (const { id } of actions) {
      while ((await call(`${bases[0]}/v1`, "GET", `/actions/${id}`)).action.status === "running") {
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
    return answer;
  };
  return {
    hetzner: { endpoint: `${bases[0]}/v1` },
    cloudflare: { endpoint: `${bases[1]}/client/v4` },
    hcloud,
    cf: async (method, path, body) => (await call(`${bases[1]}/client/v4`, method, path, body)).result,
    fault: (input) => context.faults.add(input).id,
    struck: (id) => context.faults.list().find((fault) => fault.id === id)?.struck ?? 0,
    liftFaults: () => context.faults.clear(),
    requests: () =>
      context.observer
        .requests()
        .filter(({ path }) => !path.startsWith("/v1/actions"))
        .map(({ method, path }) => `${method} ${path.replace(/^\/(v1|client\/v4)/, "")}`),
    unhandled: () => context.observer.unhandled(),
    close: async () => {
      context.faults.clear();
      for (const listener of listeners) {
        await listener.close();
      }
      await hetzner.close();
      await cloudflare.close();
      closeContext(context);
    },
  };
};
