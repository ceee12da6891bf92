/** Ways from this host to a platform: over its own network, or through the internet of a local cloud. */
import type { TLSSocket } from "node:tls";
import { Agent, type buildConnector } from "undici";

export type Transport = {
  /** Origin of the API without a path, such as https://api.chitlaq.com. */
  readonly origin: string;
  /** Connections of one user; the users are spread over the addresses there are. */
  agent(user: number): Agent;
  /** Ends every connection. A WebSocket that the far side keeps half open would keep this process. */
  close(): void;
};

/** A call that takes longer has failed. */
export const callTimeoutMs = 10_000;

const common = {
  // A browser keeps up to six connections to a host.
  connections: 6,
  pipelining: 1,
  // HTTP/2 would put all of a user's calls on one connection, which the local cloud's tunnel does not speak.
  allowH2: false,
  headersTimeout: callTimeoutMs,
  bodyTimeout: callTimeoutMs,
} as const;

export type DirectOptions = {
  readonly origin: string;
  /** PEM of an authority to trust besides the public ones' place. */
  readonly ca?: string;
  readonly insecure: boolean;
  /** Addresses of this host to come from; empty: the system's choice. */
  readonly from: readonly string[];
};

export function directTransport({ origin, ca, insecure, from }: DirectOptions): Transport {
  const agents: Agent[] = [];
  return {
    origin,
    close: () => destroyAll(agents),
    agent(user) {
      const localAddress = from[user % Math.max(1, from.length)];
      const agent = new Agent({
        ...common,
        connect: {
          timeout: callTimeoutMs,
          rejectUnauthorized: !insecure,
          ...(ca === undefined ? {} : { ca }),
          ...(localAddress === undefined ? {} : { localAddress }),
        },
      });
      agents.push(agent);
      return agent;
    },
  };
}

/** Not awaited: it waits for bodies and handshakes that may never end. */
function destroyAll(agents: readonly Agent[]): void {
  for (const agent of agents) agent.destroy().catch(() => undefined);
}

/** Opens a TLS connection to a host of a local cloud's internet, coming from one of its addresses. */
export type ConnectTls = (host: string, from: string) => Promise<TLSSocket>;

export function localTransport(origin: string, connectTls: ConnectTls, from: readonly string[]): Transport {
  const sockets = new Set<TLSSocket>();
  return {
    origin,
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
    agent(user) {
      const source = from[user % from.length] ?? "";
      const connect: buildConnector.connector = ({ hostname }, done) => {
        connectTls(hostname, source).then(
          (socket) => {
            sockets.add(socket.once("close", () => sockets.delete(socket)));
            done(null, socket);
          },
          (error: Error) => done(error, null),
        );
      };
      return new Agent({ ...common, connect });
    },
  };
}
