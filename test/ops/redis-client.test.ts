/** The application's connection to Redis against Sentinels and servers that fall silent, which no error announces. */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

const home = join(import.meta.dirname, "..", "..", "ops", "sample-app");
const skip = existsSync(join(home, "node_modules", "ioredis")) ? false : "run npm ci in ops/sample-app";

type Client = {
  readonly ping: () => Promise<string>;
  readonly subscribe: (channel: string) => Promise<number>;
  readonly on: (event: string, heard: (...values: readonly string[]) => void) => void;
  readonly disconnect: () => void;
};
type Command = readonly string[];

/** Says nothing to a command when it is null. */
type Answer = (command: Command, socket: Socket) => string | null;

const bulk = (text: string) => `$${text.length}\r\n${text}\r\n`;
const list = (...texts: readonly string[]) => `*${texts.length}\r\n${texts.map(bulk).join("")}`;
const push = (kind: string, channel: string, last: string) => `>3\r\n${bulk(kind)}${bulk(channel)}${last}`;

/** Commands of one connection, which clients send as lists of texts. */
function readCommands(socket: Socket, take: (command: Command) => void): void {
  let pending = "";
  socket.setEncoding("latin1").on("data", (data: string) => {
    pending += data;
    for (;;) {
      const lines = pending.split("\r\n");
      const length = 1 + 2 * Number(lines[0]?.slice(1));
      if (pending === "" || lines.length <= length) return;
      take(lines.slice(2, length).filter((_, index) => index % 2 === 0));
      pending = lines.slice(length).join("\r\n");
    }
  });
}

type Fake = { readonly port: number; readonly connections: () => number; answer: Answer; readonly cut: () => void };

async function fake(t: TestContext, answer: Answer): Promise<Fake> {
  const sockets = new Set<Socket>();
  let connections = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    connections += 1;
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    readCommands(socket, (command) => {
      const reply = self.answer(command, socket);
      if (reply !== null) socket.write(reply);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  const cut = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  t.after(() => {
    cut();
    server.close();
  });
  const self: Fake = { port: (server.address() as AddressInfo).port, connections: () => connections, answer, cut };
  return self;
}

const silent: Answer = () => null;

const primary: Answer = ([name = "", ...rest]) => {
  switch (name.toLowerCase()) {
    case "hello":
      return "%0\r\n";
    case "info":
      return bulk("role:master\r\nloading:0\r\n");
    case "ping":
      return "+PONG\r\n";
    case "subscribe":
      return push("subscribe", rest[0] ?? "", ":1\r\n");
    default:
      return "+OK\r\n";
  }
};

const sentinel =
  (server: () => number): Answer =>
  (command, socket) => {
    const [name, verb] = command.map((word) => word.toLowerCase());
    if (name !== "sentinel") return primary(command, socket);
    return verb === "get-master-addr-by-name" ? list("127.0.0.1", String(server())) : "*0\r\n";
  };

async function open(t: TestContext, sentinels: readonly Fake[], role: string): Promise<Client> {
  const { openRedis } = (await import(join(home, "src", "redis.js"))) as {
    openRedis: (settings: object, log: object, role: string) => Client;
  };
  const settings = { masterName: "chitlaq", sentinels: sentinels.map(({ port }) => ({ host: "127.0.0.1", port })) };
  const client = openRedis(settings, { warn() {} }, role);
  t.after(() => client.disconnect());
  return client;
}

/** How long a person waits for the answer to one command at most. */
const within = <T>(milliseconds: number, what: string, promise: Promise<T>): Promise<T> =>
  Promise.race([
    promise,
    sleep(milliseconds, undefined, { ref: false }).then(() => assert.fail(`${what}: no answer in ${milliseconds} ms`)),
  ]);

suite("the application's connection to Redis", { skip, concurrency: true }, () => {
  test("a Sentinel that accepts and says nothing is left for the next one", async (t) => {
    const server = await fake(t, primary);
    const client = await open(
      t,
      [
        await fake(t, silent),
        await fake(
          t,
          sentinel(() => server.port),
        ),
      ],
      "commands",
    );
    assert.equal(await within(4000, "PING", client.ping()), "PONG");
  });

  test("a primary that falls silent is left for the one the Sentinels name", async (t) => {
    const [old, next] = [await fake(t, primary), await fake(t, primary)];
    let named = old.port;
    const client = await open(
      t,
      [
        await fake(
          t,
          sentinel(() => named),
        ),
      ],
      "commands",
    );
    await client.ping();
    old.answer = silent;
    named = next.port;
    assert.equal(await within(6000, "PING", client.ping()), "PONG");
  });

  test("a primary that accepts and says nothing is left too", async (t) => {
    const [old, next] = [await fake(t, silent), await fake(t, primary)];
    let named = old.port;
    const client = await open(
      t,
      [
        await fake(
          t,
          sentinel(() => named),
        ),
      ],
      "commands",
    );
    const answer = client.ping();
    while (old.connections() === 0) await sleep(10);
    named = next.port;
    assert.equal(await within(6000, "PING", answer), "PONG");
  });

  test("news of a failover while the Sentinels are being asked does not end the connection for good", async (t) => {
    const server = await fake(t, primary);
    const listeners = new Set<Socket>();
    const answer = sentinel(() => server.port);
    const asked = await fake(t, (command, socket) => {
      if (command[0]?.toLowerCase() === "subscribe") listeners.add(socket);
      return answer(command, socket);
    });
    const client = await open(t, [asked], "commands");
    await client.ping();
    await sleep(200);
    asked.answer = (command, socket) => {
      if (command[0]?.toLowerCase() !== "sentinel") return answer(command, socket);
      for (const listener of listeners) listener.write(push("message", "+switch-master", bulk("chitlaq")));
      setTimeout(() => socket.write(answer(command, socket) ?? ""), 300);
      return null;
    };
    server.cut();
    await sleep(1000);
    asked.answer = answer;
    assert.equal(await within(6000, "PING", client.ping()), "PONG");
  });

  test("a subscriber without messages stays, and one whose server vanished subscribes at the next", async (t) => {
    const next = await fake(t, (command, socket) => {
      const reply = primary(command, socket);
      return command[0]?.toLowerCase() === "subscribe" ? `${reply}${push("message", "user:1", bulk("hello"))}` : reply;
    });
    const old = await fake(t, primary);
    let named = old.port;
    const client = await open(
      t,
      [
        await fake(
          t,
          sentinel(() => named),
        ),
      ],
      "messages",
    );
    const heard = new Promise<string>((resolve) => {
      client.on("message", (_channel = "", text = "") => resolve(text));
    });
    await client.subscribe("user:1");
    await sleep(5000);
    assert.equal(old.connections(), 1, "an idle connection is not cut");
    old.answer = silent;
    named = next.port;
    assert.equal(await within(7000, "message", heard), "hello");
  });
});
