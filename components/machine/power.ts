import { setTimeout as pause } from "node:timers/promises";

/** Where Hetzner's API is, and what opens it. */
export type HetznerAccess = { readonly endpoint: string; readonly token: string };

/** The power button of one server. */
export type ServerPower = {
  /** As Hetzner names it: `running`, `off`, `stopping`, … */
  status(): Promise<string>;
  act(action: "shutdown" | "poweron"): Promise<void>;
};

type Answer = { readonly server?: { readonly status?: string }; readonly error?: { readonly code?: string } };

/** Milliseconds after which a request counts as lost. */
const requestMs = 15_000;
const attempts = 6;
/** First pause between two attempts, doubled each time: half a minute in all, an action that holds the server included. */
const pauseMs = 1_000;

/** Worth another attempt: somebody else's action holds the server, too many requests, or Hetzner's own fault. */
const passes = (status: number): boolean => status === 423 || status === 429 || status >= 500;

const fixes: Readonly<Record<number, string>> = {
  401: "give the token of the server's project in HCLOUD_TOKEN or hcloud:token",
  403: "give a token that may write in HCLOUD_TOKEN or hcloud:token",
  404: "the server is gone or of another project; run pulumi refresh",
};

/** The server with this id at Hetzner. What fails names the server, the request and what to do, and never the token. */
export const hetznerPower = (access: HetznerAccess, hostname: string, id: string): ServerPower => {
  const request = async (method: "GET" | "POST", path: string, what: string): Promise<Answer> => {
    const failed = (reason: string, fix: string) => new Error(`server ${hostname}: ${what}: ${reason}; ${fix}`);
    for (let attempt = 1; ; attempt += 1) {
      const outcome = await send(access, method, `/servers/${encodeURIComponent(id)}${path}`);
      if (outcome.ok) return outcome.answer;
      if (!outcome.again || attempt === attempts) {
        throw failed(outcome.reason, fixes[outcome.status] ?? "run the update again");
      }
      await pause(pauseMs * 2 ** (attempt - 1));
    }
  };
  return {
    status: async () => (await request("GET", "", "asking for its state")).server?.status ?? "unknown",
    act: async (action) => {
      await request("POST", `/actions/${action}`, action);
    },
  };
};

type Sent =
  | { readonly ok: true; readonly answer: Answer }
  | { readonly ok: false; readonly status: number; readonly reason: string; readonly again: boolean };

const send = async ({ endpoint, token }: HetznerAccess, method: string, path: string): Promise<Sent> => {
  try {
    const response = await fetch(`${endpoint}${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(requestMs),
    });
    const answer = (await response.json().catch(() => ({}))) as Answer;
    if (response.ok) return { ok: true, answer };
    const { status } = response;
    return { ok: false, status, reason: `${status} ${answer.error?.code ?? ""}`.trim(), again: passes(status) };
  } catch (error) {
    return { ok: false, status: 0, reason: reasonOf(error), again: true };
  }
};

/** What `fetch` says is "fetch failed"; the cause knows more. */
const reasonOf = (error: unknown): string => {
  const { cause, message } = error as Error;
  return cause instanceof Error ? cause.message : message;
};
