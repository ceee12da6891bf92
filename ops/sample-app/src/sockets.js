import { randomUUID } from "node:crypto";
import { WebSocketServer } from "ws";
import { bearer } from "./sessions.js";

/** The edge closes a connection that is silent for 100 s; nginx after 90 s. */
const pingMs = 25_000;
const largestMessage = 8 * 1_024;

/**
 * Messages over WebSockets. A client logs in with its session token, in the Authorization header or as its first message.
 * A message is stored first and then announced through Redis, because the recipient may be on another machine.
 */
export function createSockets({ server, pool, sessions, publisher, subscriber, metrics, log, limit }) {
  const wss = new WebSocketServer({ noServer: true, maxPayload: largestMessage });
  const socketsOf = new Map();
  const channelOf = (userId) => `user:${userId}`;

  server.on("upgrade", (request, socket, head) => {
    if (new URL(request.url, "http://localhost").pathname !== "/ws") return refuse(socket, "404 Not Found");
    if (wss.clients.size >= limit) return refuse(socket, "503 Service Unavailable");
    wss.handleUpgrade(request, socket, head, (ws) => accept(ws, bearer(request.headers.authorization)));
  });

  subscriber.on("message", (channel, text) => {
    for (const ws of socketsOf.get(channel) ?? []) {
      ws.send(text);
      metrics.delivered.inc();
    }
  });

  function accept(ws, token) {
    metrics.sockets.inc();
    ws.alive = true;
    ws.on("pong", () => {
      ws.alive = true;
    });
    ws.on("error", (error) => log.debug({ err: error }, "websocket"));
    ws.on("close", () => {
      metrics.sockets.dec();
      leave(ws).catch((error) => log.warn({ err: error }, "leaving a channel"));
    });
    ws.on("message", (data) => {
      receive(ws, data).catch((error) => {
        log.warn({ err: error }, "a message was not taken");
        reply(ws, { type: "error", error: "try again" });
      });
    });
    if (token !== null) receive(ws, JSON.stringify({ type: "auth", token })).catch(() => ws.close(1011));
  }

  async function receive(ws, data) {
    const message = parse(data);
    if (message?.type === "auth") return enter(ws, String(message.token));
    if (ws.user === undefined) return ws.close(4401, "log in first");
    if (message?.type !== "message") return reply(ws, { type: "error", error: "unknown type" });
    return sendMessage(ws, message);
  }

  async function enter(ws, token) {
    const user = await sessions.find(token);
    if (user === null) return ws.close(4401, "log in first");
    const channel = channelOf(user.id);
    ws.user = user;
    ws.channel = channel;
    if (!socketsOf.has(channel)) {
      socketsOf.set(channel, new Set());
      await subscriber.subscribe(channel);
    }
    socketsOf.get(channel)?.add(ws);
    reply(ws, { type: "ready", user });
  }

  async function leave(ws) {
    const sockets = socketsOf.get(ws.channel);
    sockets?.delete(ws);
    if (sockets?.size !== 0) return;
    socketsOf.delete(ws.channel);
    await subscriber.unsubscribe(ws.channel);
  }

  async function sendMessage(ws, { to, body, id = randomUUID() }) {
    if (typeof to !== "string" || typeof body !== "string" || body.length < 1 || body.length > 500) {
      return reply(ws, { type: "error", id, error: "to and body (1 to 500 characters) are needed" });
    }
    const { rows } = await pool.query({
      name: "message",
      text: `INSERT INTO messages (id, sender, recipient, body) SELECT $1, $2, id, $4 FROM users WHERE name = $3
        ON CONFLICT (id) DO UPDATE SET id = EXCLUDED.id RETURNING recipient, created_at`,
      values: [id, ws.user.id, to, body],
    });
    const [row] = rows;
    if (row === undefined) return reply(ws, { type: "error", id, error: "no such person" });
    const event = { type: "message", id, from: ws.user.name, body, at: row.created_at };
    await publisher.publish(channelOf(row.recipient), JSON.stringify(event));
    metrics.messages.inc();
    return reply(ws, { type: "sent", id });
  }

  const pings = setInterval(() => {
    for (const ws of wss.clients) {
      if (!ws.alive) {
        ws.terminate();
        continue;
      }
      ws.alive = false;
      ws.ping();
    }
  }, pingMs);

  return {
    /** Tells every client to connect again, which the load balancer sends to another machine. */
    close() {
      clearInterval(pings);
      for (const ws of wss.clients) ws.close(1012, "service restart");
    },
  };
}

function refuse(socket, status) {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

function reply(ws, message) {
  if (ws.readyState === ws.OPEN) ws.send(JSON.stringify(message));
}

function parse(data) {
  try {
    return JSON.parse(String(data));
  } catch {
    return null;
  }
}
