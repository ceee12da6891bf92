import { Redis } from "ioredis";

/** A connection that finds the primary by itself and keeps trying while there is none. */
export function openRedis(settings, log, role) {
  const common = {
    username: settings.username,
    password: settings.password,
    connectionName: `chitlaq-${role}`,
    // In a private network a machine answers within milliseconds or is gone; Sentinels are asked one after the other.
    connectTimeout: 700,
    // A command waits for a reconnection this often before it fails, so that a failover of seconds is only slow.
    maxRetriesPerRequest: 5,
    retryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
    // A primary that was demoted answers READONLY: connect again, to the new one.
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    enableReadyCheck: true,
  };
  const redis =
    settings.sentinels.length > 0
      ? new Redis({
          ...common,
          sentinels: settings.sentinels,
          sentinelPassword: settings.sentinelPassword,
          name: settings.masterName,
          sentinelRetryStrategy: (attempt) => Math.min(attempt * 100, 1_000),
          failoverDetector: true,
        })
      : new Redis({ ...common, host: settings.host, port: settings.port });
  redis.on("error", (error) => log.warn({ err: error }, `redis (${role})`));
  return redis;
}
