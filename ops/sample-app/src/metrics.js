import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Numbers for Prometheus; buckets are set around the promise of 150 ms at the 95th percentile. */
export function createMetrics(version) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({ name: "app_info", help: "Version in service.", labelNames: ["version"], registers }).set({ version }, 1);
  return {
    registry,
    requests: new Histogram({
      name: "http_request_duration_seconds",
      help: "Time to answer a request.",
      labelNames: ["method", "route", "status"],
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1, 2.5, 5],
      registers,
    }),
    sockets: new Gauge({ name: "websocket_connections", help: "Open WebSockets.", registers }),
    messages: new Counter({ name: "messages_total", help: "Messages sent.", registers }),
    delivered: new Counter({ name: "messages_delivered_total", help: "Messages handed to a socket.", registers }),
  };
}
