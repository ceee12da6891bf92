import { createApp } from "./app.js";
import { migrate, openDatabase } from "./database.js";
import { createLogger } from "./log.js";
import { createMetrics } from "./metrics.js";
import { openRedis } from "./redis.js";
import { sessionStore } from "./sessions.js";
import { readSettings } from "./settings.js";

const settings = readSettings(process.env);
const logger = createLogger(process.env.LOG_LEVEL ?? "info");
const pool = openDatabase(settings.database, logger);
const redis = openRedis(settings.redis, logger, "commands");
const subscriber = openRedis(settings.redis, logger, "messages");
const metrics = createMetrics(settings.version);
const sessions = sessionStore(redis, settings.sessionSecret);
const service = createApp({ settings, pool, redis, subscriber, sessions, metrics, logger });

async function stop(signal) {
  logger.info(`${signal}: draining`);
  await service.drain();
  await pool.end();
  redis.disconnect();
  subscriber.disconnect();
  logger.info("stopped");
  process.exit(0);
}
for (const signal of ["SIGTERM", "SIGINT"]) process.once(signal, () => void stop(signal));

// The database may still be electing; until it answers there is nothing to serve.
for (let attempt = 1; ; attempt += 1) {
  try {
    await migrate(pool);
    break;
  } catch (error) {
    logger.warn({ err: error }, `tables are not ready (attempt ${attempt})`);
    await new Promise((resolve) => setTimeout(resolve, Math.min(attempt * 500, 5_000)));
  }
}
await service.listen();
