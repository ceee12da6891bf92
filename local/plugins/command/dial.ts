/**
 * Where a connection may go. The machines of a local cloud have addresses that a real network may have too, so without a
 * way into that cloud only loopback is left.
 */

import { connect, type Socket } from "node:net";
import { connectThrough } from "../../machines/connect.ts";
import { isLoopbackHost } from "../core/loopback.ts";
import type { Environment } from "../core/spec.ts";

/** Path of the unix socket through which a running local cloud connects from its internet side. */
export const DIAL_VARIABLE = "CHITLAQ_LOCAL_DIAL";

/** A destination a stand-in never connects to; repeating the attempt would be in vain. */
export class ForbiddenDestination extends Error {
  constructor(host: string) {
    super(
      `${host}: a stand-in plugin connects to loopback, or with ${DIAL_VARIABLE} to machines of the local cloud; install the official command plugin for real machines`,
    );
    this.name = "ForbiddenDestination";
  }
}

const overTcp = (host: string, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });

/** Rejects with the reason of the far end, or after `timeoutMs` (0: never). */
export const dial = async (
  environment: Environment,
  { host, port }: { readonly host: string; readonly port: number },
  timeoutMs: number,
): Promise<Socket> => {
  const entrance = environment[DIAL_VARIABLE] ?? "";
  if (entrance === "" && !isLoopbackHost(host)) {
    throw new ForbiddenDestination(host);
  }
  const connecting = entrance === "" ? overTcp(host, port) : connectThrough(entrance, { host, port });
  if (timeoutMs === 0) {
    return await connecting;
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`dial ${host}:${port}: no answer in ${timeoutMs / 1000} s`)), timeoutMs);
  });
  try {
    return await Promise.race([connecting, late]);
  } catch (failure) {
    // Too late an answer must not keep the socket open.
    connecting.then(
      (socket) => socket.destroy(),
      () => undefined,
    );
    throw failure;
  } finally {
    clearTimeout(timer);
  }
};
