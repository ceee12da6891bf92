import { Agent, type ClientRequestArgs } from "node:http";
import { connect as connectTcp, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import type { EdgeZone } from "./config.ts";

/**
 * Why an origin gave no answer, as the status the edge sends instead (CFD support/troubleshooting/http-status-codes).
 * 521 refused, 522 no connection in time, 523 unreachable, 525 no TLS, 526 certificate not accepted, 524 no answer in time,
 * 520 anything else.
 */
export type OriginStatus = 520 | 521 | 522 | 523 | 524 | 525 | 526;

export class OriginError extends Error {
  override name = "OriginError";
  readonly status: OriginStatus;
  constructor(status: OriginStatus, message: string) {
    super(message);
    this.status = status;
  }
}

export type Scheme = "http" | "https";

export type Timeouts = {
  /** TCP and TLS connection to an origin. */
  readonly connectMs: number;
  /** From the request to the first byte of the answer. */
  readonly responseMs: number;
  /** A WebSocket on which nothing moves. */
  readonly webSocketIdleMs: number;
};

/** CFD fundamentals/reference/connection-limits, updated 2026-07-23. */
export const cloudflareTimeouts: Timeouts = { connectMs: 19_000, responseMs: 100_000, webSocketIdleMs: 100_000 };

/** Idle connections to an origin are given up before common origins close theirs (nginx: 75 s). */
const idleMs = 60_000;
const mostIdle = 64;

/** Opens a TCP connection; tests lead it elsewhere. */
export type Dial = (address: string, port: number) => Socket;

export const dialFrom =
  (localAddress: string | undefined): Dial =>
  (host, port) =>
    connectTcp({ host, port, ...(localAddress === undefined ? {} : { localAddress }) });

const refusals: Readonly<Record<string, OriginStatus>> = {
  ECONNREFUSED: 521,
  ECONNRESET: 521,
  ETIMEDOUT: 522,
  EHOSTUNREACH: 523,
  ENETUNREACH: 523,
};

export type OriginTarget = {
  readonly zone: EdgeZone;
  readonly scheme: Scheme;
  readonly address: string;
  /** Name asked for, which a certificate must carry in mode strict. */
  readonly host: string;
};

const openSocket = (socket: Socket, address: string, timeoutMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const fail = (error: OriginError): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new OriginError(522, `${address}: no connection in ${timeoutMs} ms`)));
    socket.once("error", (error: NodeJS.ErrnoException) =>
      fail(new OriginError(refusals[error.code ?? ""] ?? 520, `${address}: ${error.message}`)),
    );
    socket.once("connect", () => {
      socket.setTimeout(0).removeAllListeners("error").removeAllListeners("timeout");
      resolve(socket);
    });
  });

const shake = (tcp: Socket, { zone, address, host }: OriginTarget, timeoutMs: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const isStrict = zone.ssl === "strict" || zone.ssl === "origin_pull";
    const { clientCertificate } = zone;
    const socket = connectTls({
      socket: tcp,
      servername: host,
      // Judged below: a certificate that is not accepted has a status of its own.
      rejectUnauthorized: false,
      ca: [...zone.originAuthorities],
      ...(clientCertificate === null ? {} : { cert: clientCertificate.certificate, key: clientCertificate.key }),
    });
    const fail = (error: OriginError): void => {
      socket.destroy();
      reject(error);
    };
    socket.setTimeout(timeoutMs, () => fail(new OriginError(525, `${address}: no TLS in ${timeoutMs} ms`)));
    socket.once("error", (error: Error) => fail(new OriginError(525, `${address}: ${error.message}`)));
    socket.once("close", () => fail(new OriginError(525, `${address}: closed while TLS was negotiated`)));
    socket.once("secureConnect", () => {
      if (isStrict && !socket.authorized) {
        fail(new OriginError(526, `${address}: ${String(socket.authorizationError)}`));
        return;
      }
      socket.setTimeout(0);
      for (const event of ["error", "timeout", "close"]) socket.removeAllListeners(event);
      resolve(socket);
    });
  });

const ports = { http: 80, https: 443 } as const;

/** Connects to an origin and rejects with an {@link OriginError}; nothing of a request has been sent then. */
export const connectOrigin = async (target: OriginTarget, dial: Dial, timeouts: Timeouts): Promise<Socket> => {
  const tcp = dial(target.address, ports[target.scheme]);
  const socket = await openSocket(tcp, target.address, timeouts.connectMs);
  socket.setNoDelay(true);
  return target.scheme === "http" ? socket : await shake(socket, target, timeouts.connectMs);
};

/** Keeps connections to one origin for one host name. */
export class OriginAgent extends Agent {
  readonly #connect: () => Promise<Socket>;

  constructor(connect: () => Promise<Socket>) {
    super({ keepAlive: true, maxFreeSockets: mostIdle, timeout: idleMs });
    this.#connect = connect;
  }

  override createConnection(
    _options: ClientRequestArgs,
    done?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#connect().then(
      (socket) => done?.(null, socket),
      // The stream of a failed connection is never looked at.
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}
