import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server } from "node:net";
import { text } from "node:stream/consumers";
import { type TestContext, test } from "node:test";
import { Balancers } from "../../../local/machines/agents/balancer.ts";
import type { Balancer } from "../../../local/machines/agents/config.ts";
import { until } from "./support.ts";

const listen = async (context: TestContext, host: string, port: number, greeting: string): Promise<Server> => {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    if (greeting === "echo") socket.pipe(socket);
    else socket.end(greeting);
  });
  server.listen(port, host);
  await once(server, "listening");
  context.after(() => server.close());
  return server;
};

const freePort = async (): Promise<number> => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  return port;
};

const ask = (port: number, message = ""): Promise<string> => {
  const socket = connect(port, "127.0.0.1");
  socket.end(message);
  return text(socket).catch(() => "reset");
};

const balancerOf = (
  ports: { readonly listen: number; readonly target: number },
  ips: readonly string[],
  proxyprotocol = false,
): Balancer => ({
  id: 1,
  listen: ["127.0.0.1"],
  targets: ips.map((ip) => ({ ip, from: null })),
  services: [{ protocol: "tcp", listenPort: ports.listen, destinationPort: ports.target, proxyprotocol }],
});

const started = async (context: TestContext) => {
  const balancers = new Balancers();
  context.after(() => balancers.apply([]));
  return { balancers, ports: { listen: await freePort(), target: await freePort() } };
};

test("connections take turns, and pass over a target that refuses until it is back", async (context) => {
  const { balancers, ports } = await started(context);
  await listen(context, "127.0.0.1", ports.target, "one");
  const two = await listen(context, "127.0.0.2", ports.target, "two");
  await balancers.apply([balancerOf(ports, ["127.0.0.1", "127.0.0.2"])]);
  const round = async () => new Set([await ask(ports.listen), await ask(ports.listen)]);
  assert.deepEqual(await round(), new Set(["one", "two"]));
  two.close();
  await once(two, "close");
  assert.deepEqual(await round(), new Set(["one"]));
  await listen(context, "127.0.0.2", ports.target, "two");
  await until("two is back", async () => (await round()).has("two"), 5_000);
});

test("without a target that answers the connection is closed", async (context) => {
  const { balancers, ports } = await started(context);
  await balancers.apply([balancerOf(ports, ["127.0.0.1"])]);
  assert.ok(["", "reset"].includes(await ask(ports.listen)));
});

test("the PROXY protocol names the client", async (context) => {
  const { balancers, ports } = await started(context);
  await listen(context, "127.0.0.1", ports.target, "echo");
  await balancers.apply([balancerOf(ports, ["127.0.0.1"], true)]);
  assert.match(
    await ask(ports.listen, "hello"),
    new RegExp(`^PROXY TCP4 127\\.0\\.0\\.1 127\\.0\\.0\\.1 \\d+ ${ports.listen}\\r\\nhello$`),
  );
});

test("a removed target keeps its connections, a removed service does not", async (context) => {
  const { balancers, ports } = await started(context);
  await listen(context, "127.0.0.1", ports.target, "echo");
  await balancers.apply([balancerOf(ports, ["127.0.0.1"])]);
  const client = connect(ports.listen, "127.0.0.1");
  client.write("a");
  assert.equal(String((await once(client, "data"))[0]), "a");
  await balancers.apply([balancerOf(ports, [])]);
  client.write("b");
  assert.equal(String((await once(client, "data"))[0]), "b");
  await balancers.apply([]);
  await once(client, "close");
  await assert.rejects(once(connect(ports.listen, "127.0.0.1"), "connect"), /ECONNREFUSED/);
});
