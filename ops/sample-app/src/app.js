import { Server } from "node:net";
import Fastify, { LogController } from "fastify";
import { isConnectionFault } from "./database.js";
import { registerRoutes } from "./routes.js";
import { createSockets } from "./sockets.js";

/** The application around its connections. `listen` opens the door, `drain` closes it without losing a request. */
export function createApp({ settings, pool, redis, subscriber, sessions, metrics, logger }) {
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: true,
    bodyLimit: 64 * 1_024,
    keepAliveTimeout: 75_000,
  });
  let draining = false;

  app.addHook("onResponse", async (request, reply) => {
    const labels = { method: request.method, route: request.routeOptions.url ?? "unknown", status: reply.statusCode };
    metrics.requests.observe(labels, reply.elapsedTime / 1_000);
  });
  // Whoever still sends on an open connection gets his answer and then another machine.
  app.addHook("onSend", async (_request, reply) => {
    if (draining) reply.header("connection", "close");
  });
  app.setErrorHandler((error, request, reply) => {
    if (error.validation) return reply.code(400).send({ error: error.message });
    if (isConnectionFault(error)) {
      request.log.warn({ err: error }, "the database is away");
      return reply.code(503).header("retry-after", "1").send({ error: "try again in a moment" });
    }
    if (error.statusCode && error.statusCode < 500) return reply.code(error.statusCode).send({ error: error.message });
    request.log.error({ err: error }, "request failed");
    return reply.code(500).send({ error: "internal error" });
  });

  app.get("/healthz", async () => ({ status: "ok", version: settings.version }));
  app.get("/readyz", async (_request, reply) => {
    if (draining) return reply.code(503).send({ status: "draining" });
    const checks = await Promise.allSettled([withTimeout(pool.query("SELECT 1")), withTimeout(redis.ping())]);
    const [database, cache] = checks.map(({ status }) => (status === "fulfilled" ? "ok" : "failed"));
    const ready = database === "ok" && cache === "ok";
    return reply.code(ready ? 200 : 503).send({ status: ready ? "ready" : "not ready", database, redis: cache });
  });
  app.get("/metrics", async (_request, reply) => {
    reply.type(metrics.registry.contentType);
    return metrics.registry.metrics();
  });
  registerRoutes(app, { pool, sessions });
  const sockets = createSockets({
    server: app.server,
    pool,
    sessions,
    publisher: redis,
    subscriber,
    metrics,
    log: app.log,
    limit: settings.maxWebSockets,
  });

  return {
    app,
    listen: () => app.listen({ host: settings.host, port: settings.port, backlog: 4_096 }),
    async drain() {
      draining = true;
      // http.Server's own close also cuts idle connections, to which the load balancer may be writing at this moment.
      const closed = new Promise((resolve) => {
        Server.prototype.close.call(app.server, resolve);
      });
      sockets.close();
      await new Promise((resolve) => {
        setTimeout(resolve, settings.drainSeconds * 1_000);
      });
      app.server.closeIdleConnections();
      await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 15_000))]);
      app.server.closeAllConnections();
    },
  };
}

function withTimeout(promise) {
  return Promise.race([
    promise,
    new Promise((_resolve, reject) => {
      setTimeout(() => reject(new Error("timed out")), 2_000).unref();
    }),
  ]);
}
