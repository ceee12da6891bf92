import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { get, Agent, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";

const home = join(import.meta.dirname, "..", "..", "ops", "sample-app");
const dependencies = existsSync(join(home, "node_modules", "fastify"));

type Settings = { readonly drainSeconds: number };
type Sessions = {
  readonly open: (user: { readonly id: string }) => Promise<string>;
  readonly find: (token: string) => Promise<{ readonly id: string } | null>;
};

const environment = {
  DATABASE_HOST: "127.0.0.1",
  DATABASE_NAME: "chitlaq",
  DATABASE_USER: "chitlaq",
  DATABASE_PASSWORD: "x",
  SESSION_SECRET: "secret",
};

const load = async <T>(file: string): Promise<T> => (await import(join(home, "src", file))) as T;

suite("settings of the sample application", () => {
  test("every missing or wrong variable is named at once", async () => {
    const { readSettings } = await load<{ readSettings: (env: object) => Settings }>("settings.js");
    assert.throws(
      () => readSettings({ PORT: "eighty", DATABASE_SSLMODE: "require" }),
      (error: Error) => {
        for (const name of [
          "SESSION_SECRET",
          "DATABASE_HOST",
          "DATABASE_PASSWORD",
          "PORT: eighty",
          "DATABASE_SSLMODE",
        ]) {
          assert.ok(error.message.includes(name), `${name} in ${error.message}`);
        }
        return true;
      },
    );
    assert.equal(readSettings(environment).drainSeconds, 7);
  });
});

suite("log of the sample application", {
  skip: dependencies ? false : "its packages are not installed: npm ci in ops/sample-app",
}, () => {
  test("an error is told without the command that failed, which may hold a password", async () => {
    const { createLogger } = await load<{
      createLogger: (level: string, destination: object) => { readonly warn: (fields: object, text: string) => void };
    }>("log.js");
    let written = "";
    const write = (line: string): void => {
      written += line;
    };
    const error = Object.assign(new Error("WRONGPASS"), {
      command: { name: "hello", args: ["3", "AUTH", "app", "hunter2"] },
    });
    createLogger("info", { write }).warn({ err: error }, "redis");
    assert.match(written, /WRONGPASS/);
    assert.doesNotMatch(written, /hunter2/);
  });
});

suite("sessions of the sample application", () => {
  test("a password is verified against its salted hash only", async () => {
    const { hashPassword, verifyPassword } = await load<{
      hashPassword: (password: string) => Promise<string>;
      verifyPassword: (password: string, stored: string) => Promise<boolean>;
    }>("sessions.js");
    const [one, two] = [await hashPassword("correct horse"), await hashPassword("correct horse")];
    assert.notEqual(one, two);
    assert.equal(await verifyPassword("correct horse", one), true);
    assert.equal(await verifyPassword("correct horsf", one), false);
  });

  test("what is stored does not open a session", async () => {
    const { sessionStore } = await load<{ sessionStore: (redis: object, secret: string) => Sessions }>("sessions.js");
    const stored = new Map<string, string>();
    const redis = {
      set: async (key: string, value: string) => stored.set(key, value),
      get: async (key: string) => stored.get(key) ?? null,
    };
    const sessions = sessionStore(redis, "secret");
    const token = await sessions.open({ id: "u1" });
    assert.deepEqual(await sessions.find(token), { id: "u1" });
    const [key = ""] = stored.keys();
    assert.ok(!key.includes(token));
    assert.equal(await sessions.find(key.replace("session:", "")), null);
    assert.equal(await sessionStore(redis, "another").find(token), null);
  });
});

suite("the sample application in service", () => {
  type Service = {
    readonly listen: () => Promise<string>;
    readonly drain: () => Promise<void>;
  };

  async function start(pool: object): Promise<{ readonly service: Service; readonly port: number }> {
    const { createApp } = await load<{ createApp: (parts: object) => Service }>("app.js");
    const { createMetrics } = await load<{ createMetrics: (version: string) => object }>("metrics.js");
    const silent = {
      level: "silent",
      child: () => silent,
      info() {},
      warn() {},
      error() {},
      debug() {},
      fatal() {},
      trace() {},
    };
    const settings = { version: "test", host: "127.0.0.1", port: 0, drainSeconds: 0.3, maxWebSockets: 10 };
    const redis = { ping: async () => "PONG", publish: async () => 0 };
    const subscriber = { on() {} };
    const sessions = { find: async () => ({ id: "u1", name: "alice" }) };
    const metrics = createMetrics("test");
    const service = createApp({ settings, pool, redis, subscriber, sessions, metrics, logger: silent });
    const { port } = new URL(await service.listen());
    return { service, port: Number(port) };
  }

  const fetchOn = (agent: Agent, port: number, path: string): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get({ agent, host: "127.0.0.1", port, path }, (response) => {
        response.resume();
        response.on("end", () => resolve(response));
      }).on("error", reject);
    });

  test("draining refuses new connections, still answers on an open one, and lets that go", async (t) => {
    if (!dependencies) return t.skip("run npm ci in ops/sample-app");
    const { service, port } = await start({ query: async () => ({ rows: [] }) });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    assert.equal((await fetchOn(agent, port, "/readyz")).statusCode, 200);
    const drained = service.drain();
    const late = await fetchOn(agent, port, "/api/posts");
    assert.equal(late.statusCode, 200, "a request on the open connection is answered");
    assert.equal(late.headers.connection, "close");
    await assert.rejects(fetchOn(new Agent(), port, "/healthz"), /ECONNREFUSED|address/);
    await drained;
    agent.destroy();
    return undefined;
  });

  test("a database that is away is told from a fault of ours", async (t) => {
    if (!dependencies) return t.skip("run npm ci in ops/sample-app");
    let failure: Error = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const { service, port } = await start({ query: () => Promise.reject(failure) });
    const agent = new Agent();
    const away = await fetchOn(agent, port, "/api/posts");
    assert.equal(away.statusCode, 503);
    assert.equal(away.headers["retry-after"], "1");
    assert.equal((await fetchOn(agent, port, "/readyz")).statusCode, 503);
    failure = Object.assign(new Error("column does not exist"), { code: "42703" });
    assert.equal((await fetchOn(agent, port, "/api/posts")).statusCode, 500);
    await service.drain();
    return undefined;
  });

  test("a release is packed to equal bytes with its start at the root", (t) => {
    if (!dependencies) return t.skip("run npm ci in ops/sample-app");
    const directory = mkdtempSync(join(tmpdir(), "chitlaq-release-"));
    try {
      const [one, two] = ["one", "two"].map((name) => {
        const output = join(directory, `${name}.tar.gz`);
        const said = execFileSync(join(home, "build.sh"), [output], {
          encoding: "utf8",
          stdio: ["ignore", "pipe", "ignore"],
        });
        return { said, bytes: readFileSync(output), output };
      });
      assert.ok(one && two);
      assert.ok(one.bytes.equals(two.bytes));
      assert.match(one.said, /^1\.0\.0-[0-9a-f]{12}\t[0-9a-f]{64}\n$/);
      const listed = execFileSync("tar", ["-tvzf", one.output], { encoding: "utf8" });
      assert.match(listed, /^-rwxr-xr-x .* \.\/start$/m);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
    return undefined;
  });
});
