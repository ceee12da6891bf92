import assert from "node:assert/strict";
import { request as httpRequest } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { test } from "node:test";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { host, openWorld, plainOrigin } from "./support.ts";

const url = `https://${host}/`;
const fast = { connectMs: 300, responseMs: 300, webSocketIdleMs: 300 };

test("a visitor sees the edge's certificate, and the origin sees the edge's and the visitor's address", async (t) => {
  const world = await openWorld(t);
  let seen: Record<string, unknown> = {};
  await world.serve(
    "198.18.0.1",
    (request, response) => {
      seen = { ...request.headers, subject: (request.socket as TLSSocket).getPeerCertificate().subject.CN };
      response.setHeader("connection", "x-private").setHeader("x-private", "1").setHeader("x-own", "yes").end("hello");
    },
    { requestCert: true, rejectUnauthorized: true, ca: world.pulls.certificate },
  );
  await world.configure();
  const forged = { "cf-connecting-ip": "1.2.3.4", "x-forwarded-for": "10.9.9.9", "x-forwarded-proto": "http" };
  const reply = await world.get(`${url}a?b=c`, { headers: forged });
  assert.equal(reply.status, 200);
  assert.equal(reply.text, "hello");
  assert.equal(reply.headers["x-own"], "yes");
  assert.equal(reply.headers["x-private"], undefined);
  assert.equal(reply.headers.server, "cloudflare");
  assert.equal(reply.headers["cf-cache-status"], "DYNAMIC");
  assert.match(String(reply.headers["cf-ray"]), /^[0-9a-f]{16}-[A-Z]{3}$/);
  assert.equal(seen.subject, "edge of example.com");
  assert.equal(seen.host, host);
  assert.equal(seen["cf-connecting-ip"], "127.0.0.1");
  assert.equal(seen["cf-ray"], reply.headers["cf-ray"]);
  assert.equal(seen["x-forwarded-for"], "10.9.9.9, 127.0.0.1");
  assert.equal(seen["x-forwarded-proto"], "https");
});

test("an origin that demands a certificate gives nothing to an edge that shows none", async (t) => {
  const world = await openWorld(t);
  const options = { requestCert: true, rejectUnauthorized: true, ca: world.pulls.certificate };
  await world.serve("198.18.0.1", (_request, response) => response.end("secret"), options);
  await world.configure({ clientCertificate: null });
  const reply = await world.get(url);
  // TLS 1.3 tells the client that its handshake is done before the server has judged it.
  assert.ok(reply.status === 520 || reply.status === 525, String(reply.status));
  assert.doesNotMatch(reply.text, /secret/);
});

test("bodies pass both ways, over HTTP/1.1 and HTTP/2", async (t) => {
  const world = await openWorld(t);
  await world.serve("198.18.0.1", (request, response) => {
    response.setHeader("x-method", request.method ?? "");
    request.pipe(response);
  });
  await world.configure();
  const large = "x".repeat(300_000);
  const posted = await world.get(url, { method: "POST", body: large });
  assert.equal(posted.text, large);

  const session = connectHttp2(`https://${host}:${world.ports.https}`, {
    createConnection: () =>
      connectTls({
        host: "127.0.0.1",
        port: world.ports.https,
        servername: host,
        ca: world.web.certificate,
        ALPNProtocols: ["h2"],
      }),
  });
  t.after(() => session.close());
  const stream = session.request({ ":method": "PUT", ":path": "/two", ":authority": host });
  stream.end("over http/2");
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) text += chunk;
  assert.equal(text, "over http/2");
});

test("the second address answers when the first refuses, and a POST then arrives once and whole", async (t) => {
  const world = await openWorld(t);
  const bodies: string[] = [];
  await world.serve("198.18.0.2", async (request, response) => {
    let body = "";
    for await (const chunk of request) body += chunk;
    bodies.push(body);
    response.end("second");
  });
  world.place("198.18.0.1", "refused");
  await world.configure({ hosts: { [host]: ["198.18.0.1", "198.18.0.2"] } });
  const sent = ["one", "two", "three", "four"];
  for (const body of sent) assert.equal((await world.get(url, { method: "POST", body })).text, "second");
  assert.deepEqual(bodies, sent);
});

test("an answer is never asked for twice once an origin has the request", async (t) => {
  const world = await openWorld(t);
  let calls = 0;
  for (const address of ["198.18.0.1", "198.18.0.2"]) {
    await world.serve(address, (request) => {
      calls += 1;
      request.socket.destroy();
    });
  }
  await world.configure({ hosts: { [host]: ["198.18.0.1", "198.18.0.2"] } });
  assert.equal((await world.get(url, { method: "POST", body: "order" })).status, 520);
  assert.equal(calls, 1);
});

test("only one other address is tried", async (t) => {
  const world = await openWorld(t);
  await world.serve("198.18.0.3", (_request, response) => response.end("third"));
  await world.configure({ hosts: { [host]: ["198.18.0.1", "198.18.0.2", "198.18.0.3"] } });
  assert.equal((await world.get(url)).status, 521);
  assert.equal((await world.get(url)).text, "third");
});

test("each way an origin fails has its status", async (t) => {
  const world = await openWorld(t, fast);
  await world.configure();
  const status = async (): Promise<number> => (await world.get(url)).status;

  world.place("198.18.0.1", "refused");
  assert.equal(await status(), 521);
  world.place("198.18.0.1", "silent");
  assert.equal(await status(), 522);
  await plainOrigin(t, world, "198.18.0.1", (_request, response) => response.end());
  assert.equal(await status(), 525);
  await world.serve("198.18.0.1", () => undefined);
  assert.equal(await status(), 524);
  await world.serve(
    "198.18.0.1",
    (_request, response) => response.end("fine"),
    await world.web.issue([host]).then(({ certificate: cert, key }) => ({ cert, key })),
  );
  assert.equal(await status(), 526);
  const other = await world.origin.issue(["other.example.com"]);
  await world.serve("198.18.0.1", (_request, response) => response.end("fine"), {
    cert: other.certificate,
    key: other.key,
  });
  assert.equal(await status(), 526);
  const reply = await world.get(url);
  assert.equal(reply.text, "error code: 526\n");
  await world.configure({ ssl: "full" });
  assert.equal(await status(), 200);
});

test("a kept connection that the origin closes costs a visitor nothing who can be asked for twice", async (t) => {
  const world = await openWorld(t);
  const known = new WeakSet<object>();
  let posts = 0;
  await world.serve("198.18.0.1", (request, response) => {
    posts += request.method === "POST" ? 1 : 0;
    // The first request on every connection is answered, the second one meets a closed door.
    if (known.has(request.socket)) request.socket.destroy();
    else response.end("ok");
    known.add(request.socket);
  });
  await world.configure();
  for (let round = 0; round < 4; round += 1) assert.equal((await world.get(url)).text, "ok");

  assert.equal((await world.get(url, { method: "POST", body: "first" })).status, 200);
  assert.equal((await world.get(url, { method: "POST", body: "second" })).status, 520);
  assert.equal(posts, 2);
});

test("plain HTTP is led to HTTPS where the zone says so, and unknown names lead nowhere", async (t) => {
  const world = await openWorld(t);
  await plainOrigin(t, world, "198.18.0.1", (_request, response) => response.end("plain"));
  const plain = (name: string): Promise<{ status: number; location: string | undefined }> =>
    new Promise((resolve, reject) => {
      const request = httpRequest({
        host: "127.0.0.1",
        port: world.ports.http,
        path: "/x?y",
        headers: { host: name },
        agent: false,
      });
      request.once("error", reject).once("response", (response) => {
        response.resume();
        resolve({ status: response.statusCode ?? 0, location: response.headers.location });
      });
      request.end();
    });
  await world.configure();
  assert.deepEqual(await plain(host), { status: 301, location: `https://${host}/x?y` });
  assert.equal((await plain("api.example.com")).status, 409);
  await world.configure({ alwaysUseHttps: false });
  assert.equal((await plain(host)).status, 200);
  await assert.rejects(world.get("https://example.org/"), /alert|disconnected|socket/i);
});

test("a visitor whose TLS is older than the zone allows is cut off", async (t) => {
  const world = await openWorld(t);
  await world.serve("198.18.0.1", (_request, response) => response.end("ok"));
  await world.configure({ minTlsVersion: "1.3" });
  assert.equal((await world.get(url)).status, 200);
  const old = connectTls({
    host: "127.0.0.1",
    port: world.ports.https,
    servername: host,
    ca: world.web.certificate,
    maxVersion: "TLSv1.2",
  });
  old.on("error", () => undefined);
  old.write(`GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`);
  let answer = "";
  old.on("data", (chunk: Buffer) => {
    answer += chunk;
  });
  await new Promise((resolve) => old.once("close", resolve));
  assert.equal(answer, "");
});

test("a WebSocket passes, and falls where the zone has them off", async (t) => {
  const world = await openWorld(t);
  const server = await world.serve("198.18.0.2", (_request, response) => response.writeHead(404).end());
  server.on("upgrade", (request, socket) => {
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nx-client: ${request.headers["cf-connecting-ip"]}\r\n\r\n`,
    );
    socket.pipe(socket);
  });
  const open = async (): Promise<{ head: string; socket: TLSSocket }> => {
    const socket = connectTls({
      host: "127.0.0.1",
      port: world.ports.https,
      servername: host,
      ca: world.web.certificate,
    });
    socket.write(
      `GET /ws HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n`,
    );
    const [head] = await new Promise<Buffer[]>((resolve, reject) => {
      socket.once("error", reject).once("data", (chunk: Buffer) => resolve([chunk]));
    });
    return { head: String(head), socket };
  };
  // The first of the two addresses refuses: a WebSocket moves on as a request does.
  await world.configure({ hosts: { [host]: ["198.18.0.1", "198.18.0.2"] } });
  const { head, socket } = await open();
  assert.match(head, /^HTTP\/1.1 101 /);
  assert.match(head, /x-client: 127\.0\.0\.1/);
  socket.write("ping");
  assert.equal(String(await new Promise((resolve) => socket.once("data", resolve))), "ping");
  socket.destroy();

  await world.configure({ webSockets: false, hosts: { [host]: ["198.18.0.2"] } });
  const refused = await open();
  assert.match(refused.head, /^HTTP\/1.1 403 /);
  refused.socket.destroy();
});
