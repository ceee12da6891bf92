import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import { createSecureContext, type SecureContext, type TLSSocket } from "node:tls";
import { isWithin, type EdgeConfig, type EdgeZone } from "./config.ts";
import { Origins } from "./exchange.ts";
import { newRay } from "./headers.ts";
import { cloudflareTimeouts, type Dial, dialFrom, type Scheme, type Timeouts } from "./origin.ts";
import { ZoneRules } from "./rules.ts";
import { sayError, VisitHandler } from "./visit.ts";
import { passWebSocket } from "./webSocket.ts";

export type EdgeOptions = {
  readonly log: (line: string) => void;
  /** Opens connections to origins; left out: from any address of this host. */
  readonly dial?: Dial;
  /** Left out: Cloudflare's. */
  readonly timeouts?: Timeouts;
};

type Served = {
  readonly zone: EdgeZone;
  readonly rules: ZoneRules;
  readonly context: SecureContext;
};

export type Request = IncomingMessage | Http2ServerRequest;
export type Response = ServerResponse | Http2ServerResponse;

/** An HTTPS reverse proxy that behaves towards visitors and origins as Cloudflare's edge does with the same zones. */
export class Edge {
  readonly #tls: Http2SecureServer;
  readonly #plain: Server;
  readonly #origins: Origins;
  readonly #visits: VisitHandler;
  readonly #options: EdgeOptions;
  readonly #timeouts: Timeouts;
  readonly #sockets = new Set<Socket>();
  #served: readonly Served[] = [];

  constructor(options: EdgeOptions) {
    this.#options = options;
    this.#timeouts = options.timeouts ?? cloudflareTimeouts;
    this.#origins = new Origins(options.dial ?? dialFrom(undefined), this.#timeouts);
    this.#visits = new VisitHandler(this.#origins, options.log);
    this.#tls = createSecureServer({
      allowHTTP1: true,
      SNICallback: (name, done) => {
        const context = this.#find(name)?.context;
        if (context === undefined) done(new Error(`no zone for ${name}`));
        else done(null, context);
      },
    });
    this.#plain = createServer();
    this.#tls.on("request", (request, response) => this.#serve("https", request, response));
    this.#plain.on("request", (request, response) => this.#serve("http", request, response));
    this.#tls.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) =>
      this.#upgrade("https", request, socket, head),
    );
    this.#plain.on("upgrade", (request, socket, head) => this.#upgrade("http", request, socket as Socket, head));
    this.#tls.on("secureConnection", (socket) => this.#checkVersion(socket));
    for (const server of [this.#tls, this.#plain]) {
      server.on("connection", (socket: Socket) => {
        this.#sockets.add(socket.on("error", () => undefined));
        socket.once("close", () => this.#sockets.delete(socket));
      });
    }
    // Scanners, and visitors who leave in the middle of a handshake.
    this.#tls.on("tlsClientError", () => undefined);
    this.#tls.on("sessionError", () => undefined);
  }

  configure({ zones }: EdgeConfig): void {
    const before = this.#served;
    this.#served = zones.map((zone) => ({
      zone,
      rules: new ZoneRules(zone, this.#options.log, before.find(({ zone: { name } }) => name === zone.name)?.rules),
      context: createSecureContext({ cert: zone.certificate.certificate, key: zone.certificate.key }),
    }));
    this.#origins.keepOnly(zones);
  }

  /** Resolves with the ports, which matter when 0 was asked for. */
  async listen(
    address: string,
    ports: { readonly https: number; readonly http: number },
  ): Promise<{ readonly https: number; readonly http: number }> {
    const open = (server: Server | Http2SecureServer, port: number): Promise<number> =>
      new Promise((resolve, reject) => {
        server.once("error", reject).listen(port, address, () => resolve((server.address() as AddressInfo).port));
      });
    return { https: await open(this.#tls, ports.https), http: await open(this.#plain, ports.http) };
  }

  async close(): Promise<void> {
    const closed = [this.#tls, this.#plain].map((server) => new Promise((resolve) => server.close(resolve)));
    for (const socket of this.#sockets) socket.destroy();
    this.#origins.close();
    await Promise.all(closed);
  }

  #find(host: string): Served | undefined {
    return this.#served
      .filter(({ zone }) => isWithin(host, zone.name))
      .toSorted((a, b) => b.zone.name.length - a.zone.name.length)[0];
  }

  /** A context chosen by name cannot narrow the versions of its server, so a wrong one is cut right after the handshake. */
  #checkVersion(socket: TLSSocket): void {
    const name = typeof socket.servername === "string" ? socket.servername : "";
    const zone = this.#find(name)?.zone;
    if (zone === undefined) return;
    const version = socket.getProtocol() ?? "";
    const isTooOld = zone.minTlsVersion === "1.3" && version !== "TLSv1.3";
    const isTooNew = !zone.tls13 && version === "TLSv1.3";
    if (isTooOld || isTooNew) socket.destroy();
  }

  #serve(scheme: Scheme, request: Request, response: Response): void {
    const ray = newRay();
    const host = hostOf(request);
    const served = this.#find(host);
    if (served?.zone.hosts[host] === undefined) {
      // "DNS resolution error": the edge does not know the name.
      sayError(response, 409, 1001, ray);
      return;
    }
    const visit = { host, scheme, client: clientOf(request), ray };
    this.#visits.handle(served.zone, served.rules, visit, request, response).catch((error: Error) => {
      this.#options.log(`${host}: ${error.stack ?? error.message}`);
      response.destroy();
    });
  }

  #upgrade(scheme: Scheme, request: IncomingMessage, socket: Socket, head: Buffer): void {
    const host = hostOf(request);
    const served = this.#find(host);
    if (served?.zone.hosts[host] === undefined) {
      socket.destroy();
      return;
    }
    const visit = { host, scheme, client: clientOf(request), ray: newRay() };
    const { zone, rules } = served;
    passWebSocket({ zone, rules, visit, request, socket, head }, this.#origins, this.#timeouts).catch(() =>
      socket.destroy(),
    );
  }
}

const hostOf = ({ headers }: Request): string =>
  String(headers[":authority"] ?? headers.host ?? "")
    .toLowerCase()
    .replace(/:\d+$/, "");

const clientOf = ({ socket }: Request): string => (socket.remoteAddress ?? "").replace(/^::ffff:/, "");
