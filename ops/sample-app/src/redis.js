import { Redis } from "ioredis";

/** A server or Sentinel in a private network answers within milliseconds or is gone; Sentinels are asked one after the other. */
const connectMs = 700;
/** How long an open connection may owe an answer. A server that waits for its disk is silent for up to two seconds. */
const silenceMs = 3_000;
const heartbeatMs = 1_000;

/** A connection that finds the primary by itself and keeps trying while there is none. */
export function openRedis(settings, log, role) {
  const common = {
    username: settings.username,
    password: settings.password,
    connectionName: `chitlaq-${role}`,
    connectTimeout: connectMs,
    // Nobody closes the connections of a machine that lost power: without this a command waits a quarter of an hour.
    socketTimeout: silenceMs,
    // A command waits for a reconnection this often before it fails, so that a failover of seconds is only slow.
    maxRetriesPerRequest: 10,
    retryStrategy: (attempt) => Math.min(attempt * 100, 300),
    // A primary that was demoted answers READONLY: connect again, to the new one.
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    enableReadyCheck: true,
  };
  const redis =
    settings.sentinels.length > 0
      ? // Without ioredis' failoverDetector: news that arrive while it asks the Sentinels end the connection for good
        // (6.0.0). A primary that is demoted closes its connections, and one that vanished misses the heartbeat.
        new Redis({
          ...common,
          sentinels: settings.sentinels,
          sentinelPassword: settings.sentinelPassword,
          sentinelCommandTimeout: connectMs,
          name: settings.masterName,
          sentinelRetryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
        })
      : new Redis({ ...common, host: settings.host, port: settings.port });
  redis.on("error", (error) => log.warn({ err: error }, `redis (${role})`));
  // An idle connection owes no answer: only a question finds out that nobody is there any more.
  const heartbeat = setInterval(() => {
    if (redis.status === "ready") redis.ping().catch(() => {});
  }, heartbeatMs);
  redis.on("end", () => clearInterval(heartbeat));
  return redis;
}
