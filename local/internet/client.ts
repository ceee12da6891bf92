import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import { Agent, type AgentOptions, request as httpsRequest, type RequestOptions } from "node:https";
import { isIPv4, type Socket } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { buffer } from "node:stream/consumers";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { openEnvironment } from "../machines/access.ts";
import { connectThrough } from "../machines/connect.ts";
import { type EnvironmentState, namesFolder } from "../machines/state.ts";
import { authorityOf } from "../machines/trust.ts";

export type Reply = { readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: Buffer };

export type Call = {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  readonly body?: string | Buffer;
  /** Address of the internet to come from; it must be there (`addInternetHost`). Left out: 192.0.2.1. */
  readonly from?: string;
  /** Milliseconds until the call is given up; left out: 30 s. */
  readonly timeoutMs?: number;
};

/** A visitor in the internet of a local cloud, usable from any process of the host. */
export type InternetClient = {
  /** PEM of the authority that vouches for the sites of this internet. */
  readonly authority: string;
  /** Address the resolvers give for a name; undefined: no such name. */
  lookup(name: string): string | undefined;
  connect(host: string, port: number, from?: string): Promise<Socket>;
  connectTls(host: string, from?: string): Promise<TLSSocket>;
  /** For HTTP and WebSocket libraries that take an agent; certificates are verified. */
  agent(from?: string, options?: AgentOptions): Agent;
  /** One HTTPS request; rejects when there is no answer. */
  request(url: string, call?: Call): Promise<Reply>;
};

const lookupIn = (environment: EnvironmentState, name: string): string | undefined => {
  if (isIPv4(name)) return name;
  try {
    return readFileSync(join(namesFolder(environment), name), "utf8").trim();
  } catch {
    return undefined;
  }
};

class InternetAgent extends Agent {
  readonly #connect: (host: string) => Promise<TLSSocket>;

  constructor(connect: (host: string) => Promise<TLSSocket>, options: AgentOptions = {}) {
    super({ keepAlive: true, ...options });
    this.#connect = connect;
  }

  override createConnection(
    options: RequestOptions,
    done?: (error: Error | null, stream: Duplex) => void,
  ): Duplex | null | undefined {
    this.#connect(options.servername ?? options.host ?? "").then(
      (socket) => done?.(null, socket),
      // The stream of a failed connection is never looked at.
      (error: Error) => done?.(error, undefined as unknown as Duplex),
    );
    return undefined;
  }
}

const defaultTimeoutMs = 30_000;

const call = (agent: Agent, url: string, { method = "GET", headers = {}, body, timeoutMs }: Call): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs ?? defaultTimeoutMs);
    const request = httpsRequest(url, { agent, method, headers, signal }, (response) => {
      buffer(response).then(
        (content) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: content }),
        reject,
      );
    });
    request.once("error", reject).end(body);
  });

/** Opens the internet of the local cloud that runs machines on this state folder. */
export const openInternetClient = async (stateDir: string): Promise<InternetClient> => {
  const environment = openEnvironment(stateDir);
  const { certificate } = await authorityOf(stateDir);
  const connect: InternetClient["connect"] = async (host, port, from) => {
    const address = lookupIn(environment, host);
    if (address === undefined) throw new Error(`${host}: no such name in the local internet`);
    return await connectThrough(environment.internetSocket, {
      host: address,
      port,
      ...(from === undefined ? {} : { from }),
    });
  };
  const secure: InternetClient["connectTls"] = async (host, from) => {
    const socket = await connect(host, 443, from);
    return await new Promise((resolve, reject) => {
      const tls = connectTls({ socket, servername: host, ca: certificate, ALPNProtocols: ["http/1.1"] });
      tls.once("error", reject).once("secureConnect", () => resolve(tls.off("error", reject)));
    });
  };
  const agents = new Map<string, Agent>();
  const agent: InternetClient["agent"] = (from, options) => new InternetAgent((host) => secure(host, from), options);
  const shared = (from: string | undefined): Agent => {
    // Nothing is kept open, so that a script that made a call can end.
    const known = agents.get(from ?? "") ?? agent(from, { keepAlive: false });
    agents.set(from ?? "", known);
    return known;
  };
  return {
    authority: certificate,
    lookup: (name) => lookupIn(environment, name),
    connect,
    connectTls: secure,
    agent,
    request: (url, options = {}) => call(shared(options.from), url, options),
  };
};
