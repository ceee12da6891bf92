import { randomUUID } from "node:crypto";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { namespaceOf, type Place } from "./access.ts";
import { join as joinSockets } from "./agents/balancer.ts";
import { Agent } from "./agents/link.ts";
import type { Destination } from "./agents/tunnel.ts";
import type { EnvironmentState } from "./state.ts";

/** Connects through a tunnel's socket; rejects with the reason the far end gave, or with that of `signal`. */
export const connectThrough = (socketPath: string, destination: Destination, signal?: AbortSignal): Promise<Socket> =>
  new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const socket = connect({ path: socketPath, allowHalfOpen: true });
    let answer = "";
    const onAbort = (): void => {
      socket.destroy();
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", onAbort, { once: true });
    socket.once("close", () => signal?.removeEventListener("abort", onAbort));
    const onData = (chunk: Buffer): void => {
      const text = chunk.toString("latin1");
      const end = text.indexOf("\n");
      answer += end < 0 ? text : text.slice(0, end);
      if (end < 0) return;
      socket.off("data", onData).off("error", reject).pause();
      signal?.removeEventListener("abort", onAbort);
      if (answer !== "ok") {
        socket.destroy();
        reject(new Error(`${destination.host}:${destination.port}: ${answer}`));
        return;
      }
      if (end + 1 < chunk.length) socket.unshift(chunk.subarray(end + 1));
      resolve(socket);
    };
    socket.on("data", onData).once("error", reject);
    socket.once("end", () => reject(new Error(`${destination.host}:${destination.port}: the tunnel closed`)));
    socket.write(`${JSON.stringify(destination)}\n`);
  });

export type Tunnel = {
  /** Port on 127.0.0.1 of the host. */
  readonly port: number;
  connect(): Promise<Socket>;
  close(): Promise<void>;
};

type Entrance = { readonly socket: string; close(): Promise<void> };

const entranceAt = async (environment: EnvironmentState, place: Place): Promise<Entrance> => {
  const nothing = (): Promise<void> => Promise.resolve();
  if (place === "cloud") return { socket: environment.cloudSocket, close: nothing };
  if (place === "internet") return { socket: environment.internetSocket, close: nothing };
  const socket = join(environment.cloudSocket, "..", `door-${randomUUID()}.sock`);
  const agent = new Agent<null>(environment.id, namespaceOf(environment, place), "door.ts", [socket], () => undefined);
  await agent.configure(null);
  return { socket, close: () => agent.stop() };
};

/**
 * Makes something inside the local cloud reachable from the host: connections to a port of the loopback interface start
 * anew from `place`. From a machine's own network, its loopback services and those behind its filters can be reached too.
 */
export const openTunnel = async (
  environment: EnvironmentState,
  place: Place,
  destination: Destination,
): Promise<Tunnel> => {
  const entrance = await entranceAt(environment, place);
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (client) => {
    sockets.add(client);
    client.on("close", () => sockets.delete(client)).on("error", () => client.destroy());
    connectThrough(entrance.socket, destination).then(
      (far) => joinSockets(client, far),
      () => client.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    connect: () => connectThrough(entrance.socket, destination),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      await entrance.close();
    },
  };
};
