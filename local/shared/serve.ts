import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { AddressInfo } from "node:net";

export type Listener = { readonly port: number; close(): Promise<void> };

const host = "127.0.0.1";

type Attempt = { readonly listener: Listener } | { readonly taken: true };

function tryListen(app: Hono, port: number): Promise<Attempt> {
  const server = createAdaptorServer({ fetch: app.fetch, hostname: host });
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve({ taken: true });
      else reject(error);
    });
    server.listen(port, host, () => {
      const close = (): Promise<void> =>
        new Promise((closed) => {
          server.close(() => closed());
          if ("closeAllConnections" in server) server.closeAllConnections();
        });
      resolve({ listener: { port: (server.address() as AddressInfo).port, close } });
    });
  });
}

/** Serves `app` on the loopback interface; a taken `preferredPort` (0: any) is replaced by a free one. */
export async function listen(app: Hono, preferredPort: number): Promise<Listener> {
  const first = await tryListen(app, preferredPort);
  if ("listener" in first) return first.listener;
  const second = await tryListen(app, 0);
  if ("listener" in second) return second.listener;
  throw new Error(`no free port on ${host}`);
}
