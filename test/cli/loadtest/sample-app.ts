/** The real sample application in this process, its database and its Redis replaced by memory. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { pause } from "../../../cli/process/pause.ts";
import { repoRoot } from "../../../cli/paths.ts";

const home = join(repoRoot, "ops", "sample-app");

/** Option of `test`: the reason why it cannot run here, or false. */
export const skip = existsSync(join(home, "node_modules", "fastify"))
  ? false
  : "its packages are not installed: npm ci in ops/sample-app";

type Statement = { readonly name?: string; readonly values?: readonly string[] };
type Rows = { readonly rows: readonly object[]; readonly rowCount: number };
type Service = { listen(): Promise<string>; drain(): Promise<void> };

export type SampleApp = {
  readonly url: string;
  /** What the database was asked, by name of the statement. */
  readonly asked: ReadonlyMap<string, number>;
  /** Milliseconds the database takes for a statement; throws to fail it. */
  database: (name: string) => number;
};

const load = async <T>(file: string): Promise<T> => (await import(join(home, "src", file))) as T;

const rows = (...found: readonly object[]): Rows => ({ rows: found, rowCount: found.length });

/** The statements of the routes on maps: names to ids, and posts. */
function createPool(asked: Map<string, number>, database: (name: string) => number) {
  const users = new Map<string, string>();
  const posts: object[] = [];
  const answer = (name: string, values: readonly string[]): Rows => {
    const [first = "", second = "", third = ""] = values;
    if (name === "register") {
      if (users.has(second)) return rows();
      users.set(second, first);
      return rows({});
    }
    if (name === "post") posts.unshift({ id: first, author: second, body: third });
    if (name === "newest-posts" || name === "feed") return rows(...posts.slice(0, 50));
    if (name === "message")
      return users.has(third) ? rows({ recipient: users.get(third), created_at: new Date() }) : rows();
    return name === "follow" ? rows({}) : rows();
  };
  return {
    async query(statement: Statement | string): Promise<Rows> {
      const { name = "", values = [] } = typeof statement === "string" ? {} : statement;
      asked.set(name, (asked.get(name) ?? 0) + 1);
      const milliseconds = database(name);
      if (milliseconds > 0) await pause(milliseconds, new AbortController().signal);
      return answer(name, values);
    },
  };
}

/** One process's Redis: what is published reaches the subscriber when it listens to the channel. */
function createRedis() {
  const stored = new Map<string, string>();
  const channels = new Set<string>();
  const listeners: ((channel: string, text: string) => void)[] = [];
  const redis = {
    ping: async () => "PONG",
    set: async (key: string, value: string) => void stored.set(key, value),
    get: async (key: string) => stored.get(key) ?? null,
    del: async (key: string) => void stored.delete(key),
    publish: async (channel: string, text: string) => {
      if (channels.has(channel)) for (const listener of listeners) listener(channel, text);
    },
  };
  const subscriber = {
    on: (_event: string, listener: (channel: string, text: string) => void) => void listeners.push(listener),
    subscribe: async (channel: string) => void channels.add(channel),
    unsubscribe: async (channel: string) => void channels.delete(channel),
  };
  return { redis, subscriber };
}

/** The application's last resort of a drain, 15 s, is for a process that then exits; here it would hold the test's. */
async function withoutLongTimers(work: () => Promise<void>): Promise<void> {
  const { setTimeout: original } = globalThis;
  const patient = ((callback: () => void, milliseconds: number) => {
    const timer = original(callback, milliseconds);
    return milliseconds > 10_000 ? timer.unref() : timer;
  }) as typeof setTimeout;
  globalThis.setTimeout = patient;
  try {
    await work();
  } finally {
    globalThis.setTimeout = original;
  }
}

export async function startSampleApp(t: TestContext): Promise<SampleApp> {
  const [{ createApp }, { createMetrics }, { sessionStore }] = await Promise.all([
    load<{ createApp: (parts: object) => Service }>("app.js"),
    load<{ createMetrics: (version: string) => object }>("metrics.js"),
    load<{ sessionStore: (redis: object, secret: string) => object }>("sessions.js"),
  ]);
  const nothing = (): void => undefined;
  const logger = {
    level: "silent",
    child: () => logger,
    info: nothing,
    warn: nothing,
    error: nothing,
    debug: nothing,
    fatal: nothing,
    trace: nothing,
  };
  const asked = new Map<string, number>();
  const app: { database: SampleApp["database"] } = { database: () => 0 };
  const { redis, subscriber } = createRedis();
  const service = createApp({
    settings: { version: "test", host: "127.0.0.1", port: 0, drainSeconds: 0, maxWebSockets: 100 },
    pool: createPool(asked, (name) => app.database(name)),
    redis,
    subscriber,
    sessions: sessionStore(redis, "secret"),
    metrics: createMetrics("test"),
    logger,
  });
  const url = await service.listen();
  t.after(() => withoutLongTimers(() => service.drain()));
  return Object.assign(app, { url, asked });
}
