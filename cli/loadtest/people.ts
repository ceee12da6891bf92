/** Users of the sample application: made before the measurement, each with connections and a WebSocket of their own. */
import { randomBytes, randomUUID } from "node:crypto";
import { type Agent, request, WebSocket } from "undici";
import { Fault } from "../errors.ts";
import { pause } from "../process/pause.ts";
import type { Kind } from "./mix.ts";
import { callTimeoutMs, type Transport } from "./transport.ts";

type Answer = { readonly status: number; readonly retryAfter: number; readonly text: string };

type CallOptions = { readonly method?: "GET" | "POST" | "PUT"; readonly body?: object; readonly token?: string };

async function call(origin: string, agent: Agent, path: string, options: CallOptions = {}): Promise<Answer> {
  const { method = "GET", body, token } = options;
  const {
    statusCode,
    headers,
    body: stream,
  } = await request(`${origin}${path}`, {
    dispatcher: agent,
    method,
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(callTimeoutMs),
  });
  return { status: statusCode, retryAfter: Number(headers["retry-after"] ?? Number.NaN), text: await stream.text() };
}

/** Reasons of failure in few words, so that they can be counted. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "TimeoutError" || /timeout/i.test(error.name)) return "no answer in time";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
};

/** One user who is online. */
export class Person {
  readonly name: string;
  readonly #origin: string;
  readonly #agent: Agent;
  readonly #token: string;
  readonly #socket: WebSocket;
  /** Messages under way to this user, by id. */
  readonly #expected = new Map<string, (failure?: string) => void>();

  constructor(name: string, origin: string, agent: Agent, token: string, socket: WebSocket) {
    this.name = name;
    this.#origin = origin;
    this.#agent = agent;
    this.#token = token;
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      const event = JSON.parse(String(data)) as {
        readonly type?: string;
        readonly id?: string;
        readonly error?: string;
      };
      if (event.type === "message" && event.id !== undefined) this.#expected.get(event.id)?.();
    });
  }

  /** An HTTP request that must succeed. */
  async http(path: string, options: CallOptions = {}): Promise<void> {
    const answer = await call(this.#origin, this.#agent, path, { ...options, token: this.#token }).catch(
      (error: unknown) => {
        throw new Error(reasonOf(error));
      },
    );
    if (answer.status >= 400) throw new Error(`status ${answer.status}`);
  }

  /** Sends a message; resolves when the recipient has it. */
  async message(to: Person): Promise<void> {
    const id = randomUUID();
    if (this.#socket.readyState !== WebSocket.OPEN) throw new Error("the sender's WebSocket is closed");
    await to.receives(id, () =>
      this.#socket.send(JSON.stringify({ type: "message", id, to: to.name, body: "How are you?" })),
    );
  }

  receives(id: string, send: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = (failure?: string): void => {
        clearTimeout(timer);
        this.#expected.delete(id);
        if (failure === undefined) resolve();
        else reject(new Error(failure));
      };
      const timer = setTimeout(() => end("not delivered in time"), callTimeoutMs);
      this.#expected.set(id, end);
      send();
    });
  }

  leave(): void {
    this.#socket.close();
  }
}

/** Waits for the server's word that the session is accepted. */
function openSocket(origin: string, agent: Agent, token: string): Promise<WebSocket> {
  const url = `${origin.replace(/^http/, "ws")}/ws`;
  const socket = new WebSocket(url, { dispatcher: agent });
  return new Promise((resolve, reject) => {
    const fail = (reason: string): void => reject(new Fault(`WebSocket ${url}: ${reason}`));
    const timer = setTimeout(() => fail("no answer in time"), callTimeoutMs);
    socket.addEventListener("open", () => socket.send(JSON.stringify({ type: "auth", token })));
    socket.addEventListener("message", ({ data }) => {
      if ((JSON.parse(String(data)) as { readonly type?: string }).type !== "ready") return;
      clearTimeout(timer);
      resolve(socket);
    });
    socket.addEventListener("error", ({ message }) => fail(message || "the connection failed"));
    socket.addEventListener("close", ({ code, reason }) => fail(`closed with ${code} ${reason}`));
  });
}

/** How long the platform may refuse a registration because of its rate limit. */
const patienceMs = 90_000;

async function register(origin: string, agent: Agent, name: string, signal: AbortSignal): Promise<string> {
  const credentials = { name, password: randomBytes(18).toString("base64url") };
  for (const deadline = performance.now() + patienceMs; ; ) {
    const answer = await call(origin, agent, "/api/auth/register", { method: "POST", body: credentials }).catch(
      (error: unknown) => {
        throw new Fault(`${origin}: ${reasonOf(error)}${error instanceof Error ? ` (${error.message})` : ""}`);
      },
    );
    if (answer.status === 201) return (JSON.parse(answer.text) as { readonly token: string }).token;
    if (answer.status !== 429 || performance.now() > deadline) {
      throw new Fault(`POST ${origin}/api/auth/register: ${answer.status} ${answer.text.slice(0, 200)}`, [
        answer.status === 429
          ? "the platform limits registrations of one address: use fewer --users, or several addresses with --from"
          : "the load test speaks to the sample application's API (ops/sample-app)",
      ]);
    }
    await pause(Number.isFinite(answer.retryAfter) ? Math.min(answer.retryAfter, 30) * 1000 : 2000, signal);
  }
}

/** Whom each user follows: the next ones of the ring. */
const followed = 3;
/** Registrations at a time: hashing a password takes the server a good part of a second of one processor. */
const registering = 4;

/** Makes users who follow one another and have posted, and brings them online. */
export async function gather(transport: Transport, count: number, signal: AbortSignal): Promise<readonly Person[]> {
  const { origin } = transport;
  const run = randomBytes(4).toString("hex");
  const people: Person[] = [];
  const one = async (index: number): Promise<void> => {
    const agent = transport.agent(index);
    const name = `load_${run}_${index}`;
    const token = await register(origin, agent, name, signal);
    people[index] = new Person(name, origin, agent, token, await openSocket(origin, agent, token));
  };
  try {
    for (let next = 0; next < count; next += registering) {
      signal.throwIfAborted();
      const batch = Array.from({ length: Math.min(registering, count - next) }, (_, offset) => one(next + offset));
      await Promise.all(batch);
    }
    for (const [index, person] of people.entries()) {
      await person.http("/api/posts", {
        method: "POST",
        body: { id: randomUUID(), body: `Hello from ${person.name}` },
      });
      const others = Array.from({ length: followed }, (_, step) => people[(index + step + 1) % count]);
      for (const other of new Set(others)) {
        if (other !== undefined && other !== person) await person.http(`/api/follows/${other.name}`, { method: "PUT" });
      }
    }
    return people;
  } catch (error) {
    disperse(people);
    throw error;
  }
}

/** Takes everybody offline. */
export const disperse = (people: readonly Person[]): void => {
  for (const person of people) person?.leave();
};

/** One call of a kind by a user. */
export function act(kind: Kind, person: Person, other: Person): Promise<void> {
  switch (kind) {
    case "newest":
      return person.http("/api/posts");
    case "feed":
      return person.http("/api/feed");
    case "conversation":
      return person.http(`/api/messages/${other.name}`);
    case "post":
      return person.http("/api/posts", { method: "POST", body: { id: randomUUID(), body: "A post of a load test" } });
    case "message":
      return person.message(other);
  }
}
