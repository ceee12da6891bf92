import { createHash } from "node:crypto";
import { type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders, request as httpRequest } from "node:http";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import type { EdgeZone } from "./config.ts";
import { connectOrigin, type Dial, OriginAgent, OriginError, type Scheme, type Timeouts } from "./origin.ts";

export type Outgoing = {
  readonly method: string;
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
  /** Null: there is none, so that the request may be sent twice. */
  readonly body: Readable | null;
  readonly signal: AbortSignal;
};

export type Upgraded = { readonly response: IncomingMessage; readonly socket: Socket; readonly head: Buffer };

/** Failures after which another address is asked, once (CFD partials/fundamentals/dns-zero-downtime-failover). */
const failover = new Set([521, 522, 523, 525, 526]);

/** A kept connection that the origin had closed already: the request did not reach anybody. */
class StaleConnection extends Error {
  override name = "StaleConnection";
}

const failureOf = (error: NodeJS.ErrnoException, request: ClientRequest): Error => {
  if (error instanceof OriginError) return error;
  const wasClosed = error.code === "ECONNRESET" || error.code === "EPIPE";
  if (request.reusedSocket && wasClosed) return new StaleConnection(error.message);
  return new OriginError(520, error.message);
};

const feed = (request: ClientRequest, body: Readable | null): void => {
  if (body === null) {
    request.end();
    return;
  }
  body.once("error", (error) => request.destroy(error));
  // Not a byte of the body is taken before there is a connection, so that another origin can still have all of it.
  request.once("socket", () => body.pipe(request));
};

const send = (
  agent: OriginAgent | { readonly socket: Socket },
  { method, path, headers, body, signal }: Outgoing,
  timeouts: Timeouts,
): Promise<IncomingMessage | Upgraded> =>
  new Promise((resolve, reject) => {
    const connection = "socket" in agent ? { createConnection: () => agent.socket } : { agent };
    const request = httpRequest({ ...connection, method, path, headers, setHost: false, signal });
    let timer: NodeJS.Timeout | undefined;
    request.once("socket", () => {
      timer = setTimeout(
        () => request.destroy(new OriginError(524, `no answer in ${timeouts.responseMs} ms`)),
        timeouts.responseMs,
      );
    });
    request.once("close", () => clearTimeout(timer));
    request.once("response", (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    request.once("upgrade", (response, socket, head) => {
      clearTimeout(timer);
      resolve({ response, socket: socket as Socket, head });
    });
    request.on("error", (error) => reject(failureOf(error, request)));
    feed(request, body);
  });

const identityOf = ({ name, ssl, originAuthorities, clientCertificate }: EdgeZone): string =>
  createHash("sha256")
    .update(JSON.stringify([name, ssl, originAuthorities, clientCertificate]))
    .digest("hex");

/** The edge's side of all origins: kept connections, turns among the addresses of a name, and the second try. */
export class Origins {
  readonly #dial: Dial;
  readonly #timeouts: Timeouts;
  readonly #agents = new Map<string, OriginAgent>();
  readonly #turns = new Map<string, number>();

  constructor(dial: Dial, timeouts: Timeouts) {
    this.#dial = dial;
    this.#timeouts = timeouts;
  }

  /** Asks one address of the host and, when that one cannot be reached, one other. Rejects with an {@link OriginError}. */
  async exchange(zone: EdgeZone, scheme: Scheme, host: string, outgoing: Outgoing): Promise<IncomingMessage> {
    const answer = await this.#withFailover(zone, host, (address) => this.#ask(zone, scheme, host, address, outgoing));
    if ("socket" in answer && "head" in answer) {
      answer.socket.destroy();
      throw new OriginError(520, "the origin switched to a protocol nobody asked for");
    }
    return answer;
  }

  /** As {@link exchange}, on a connection of its own: the origin may turn it into a WebSocket. */
  upgrade(zone: EdgeZone, scheme: Scheme, host: string, outgoing: Outgoing): Promise<IncomingMessage | Upgraded> {
    return this.#withFailover(zone, host, async (address) => {
      const socket = await connectOrigin({ zone, scheme, address, host }, this.#dial, this.#timeouts);
      return await send({ socket }, outgoing, this.#timeouts);
    });
  }

  /** Lets go of connections that were made for another state of the zones. */
  keepOnly(zones: readonly EdgeZone[]): void {
    const identities = zones.map(identityOf);
    for (const [key, agent] of this.#agents) {
      if (identities.some((identity) => key.startsWith(identity))) continue;
      this.#agents.delete(key);
      // Requests under way end as they began.
      agent.maxFreeSockets = 0;
      for (const sockets of Object.values(agent.freeSockets)) for (const socket of sockets ?? []) socket.destroy();
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
  }

  async #withFailover<T>(zone: EdgeZone, host: string, ask: (address: string) => Promise<T>): Promise<T> {
    const addresses = zone.hosts[host] ?? [];
    const turn = this.#turns.get(host) ?? 0;
    this.#turns.set(host, turn + 1);
    const first = addresses[turn % addresses.length];
    const second = addresses[(turn + 1) % addresses.length];
    if (first === undefined) throw new OriginError(523, `${host} has no origin`);
    try {
      return await ask(first);
    } catch (error) {
      const mayRetry = error instanceof OriginError && failover.has(error.status);
      if (!mayRetry || second === undefined || second === first) throw error;
      return await ask(second);
    }
  }

  async #ask(
    zone: EdgeZone,
    scheme: Scheme,
    host: string,
    address: string,
    outgoing: Outgoing,
  ): Promise<IncomingMessage | Upgraded> {
    const agent = this.#agentFor(zone, scheme, host, address);
    try {
      return await send(agent, outgoing, this.#timeouts);
    } catch (error) {
      if (!(error instanceof StaleConnection)) throw error;
      // A body is on its way already and cannot be sent again.
      if (outgoing.body !== null) throw new OriginError(520, error.message);
      const socket = await connectOrigin({ zone, scheme, address, host }, this.#dial, this.#timeouts);
      return await send(
        { socket },
        { ...outgoing, headers: { ...outgoing.headers, connection: "close" } },
        this.#timeouts,
      );
    }
  }

  #agentFor(zone: EdgeZone, scheme: Scheme, host: string, address: string): OriginAgent {
    const key = `${identityOf(zone)} ${scheme} ${host} ${address}`;
    const agent =
      this.#agents.get(key) ??
      new OriginAgent(() => connectOrigin({ zone, scheme, address, host }, this.#dial, this.#timeouts));
    this.#agents.set(key, agent);
    return agent;
  }
}
