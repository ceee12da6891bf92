import { mkdtemp, rm } from "node:fs/promises";
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer, request as httpsRequest, type ServerOptions } from "node:https";
import { type AddressInfo, connect, createServer as createTcpServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { buffer } from "node:stream/consumers";
import { connect as connectTls } from "node:tls";
import { type Authority, openAuthority } from "../../../../local/internet/authority.ts";
import type { EdgeRule, EdgeZone } from "../../../../local/internet/edge/config.ts";
import { Edge } from "../../../../local/internet/edge/edge.ts";
import type { Timeouts } from "../../../../local/internet/edge/origin.ts";

export type Reply = {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly text: string;
};

export type Call = { readonly method?: string; readonly headers?: Record<string, string>; readonly body?: string };

/** Where an origin address leads: a server of the test, nothing that listens, or nobody who answers. */
type Place = number | "refused" | "silent";

export type World = {
  readonly edge: Edge;
  /** For what visitors see. */
  readonly web: Authority;
  /** For origins. */
  readonly origin: Authority;
  /** For what the edge shows to origins. */
  readonly pulls: Authority;
  readonly log: string[];
  /** Starts an HTTPS origin and gives its address to the edge. */
  serve(address: string, listener: RequestListener, options?: ServerOptions): Promise<Server>;
  place(address: string, place: Place): void;
  zone(change?: Partial<EdgeZone>): Promise<EdgeZone>;
  configure(change?: Partial<EdgeZone>): Promise<void>;
  get(url: string, call?: Call): Promise<Reply>;
  readonly ports: { readonly https: number; readonly http: number };
};

export const host = "www.example.com";

export const cacheRule = (expression: string, parameters: EdgeRule["parameters"]): EdgeRule => ({
  id: expression,
  action: "set_cache_settings",
  expression,
  parameters,
  ratelimit: null,
});

const portOf = (server: { address(): AddressInfo | string | null }): number => (server.address() as AddressInfo).port;

export const openWorld = async (t: TestContext, timeouts?: Timeouts): Promise<World> => {
  const folder = await mkdtemp(join(tmpdir(), "edge-"));
  const [web, origin, pulls] = await Promise.all(
    ["web", "origin", "pulls"].map((name) => openAuthority(join(folder, name))),
  );
  if (web === undefined || origin === undefined || pulls === undefined) throw new Error("no authorities");
  const places = new Map<string, Place>();
  const log: string[] = [];
  // A port that was free a moment ago and that nobody serves.
  const spare = createTcpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => spare.once("listening", resolve));
  const unused = portOf(spare);
  await new Promise((resolve) => spare.close(resolve));
  const edge = new Edge({
    log: (line) => log.push(line),
    dial: (address) => {
      const place = places.get(address) ?? "refused";
      // Documentation addresses lead nowhere; a test must not ask a network, so the socket is one that never connects.
      if (place === "silent") return connect({ host: "192.0.2.9", port: 9, lookup: () => undefined });
      return connect({ host: "127.0.0.1", port: place === "refused" ? unused : place });
    },
    ...(timeouts === undefined ? {} : { timeouts }),
  });
  const ports = await edge.listen("127.0.0.1", { https: 0, http: 0 });
  const servers: Server[] = [];
  t.after(async () => {
    await edge.close();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
    await rm(folder, { recursive: true });
  });
  const certificate = await web.issue(["example.com", "*.example.com"]);
  const clientCertificate = await pulls.issue(["edge of example.com"]);
  const zone = (change: Partial<EdgeZone> = {}): Promise<EdgeZone> =>
    Promise.resolve({
      name: "example.com",
      certificate,
      ssl: "strict",
      minTlsVersion: "1.2",
      tls13: true,
      alwaysUseHttps: true,
      webSockets: true,
      developmentMode: false,
      originAuthorities: [origin.certificate],
      clientCertificate,
      hosts: { [host]: ["198.18.0.1"] },
      firewall: [],
      rateLimits: [],
      cacheRules: [],
      ...change,
    });
  return {
    edge,
    web,
    origin,
    pulls,
    log,
    ports,
    zone,
    place: (address, place) => places.set(address, place),
    serve: async (address, listener, options) => {
      const { certificate: cert, key } = await origin.issue([host]);
      const server = createServer({ cert, key, ...options }, listener);
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      places.set(address, portOf(server));
      servers.push(server as unknown as Server);
      return server as unknown as Server;
    },
    configure: async (change) => edge.configure({ zones: [await zone(change)] }),
    get: (url, { method = "GET", headers = {}, body } = {}) =>
      new Promise((resolve, reject) => {
        const { hostname, pathname, search } = new URL(url);
        const request = httpsRequest(
          {
            method,
            path: `${pathname}${search}`,
            headers: { host: hostname, ...headers },
            createConnection: () =>
              connectTls({ port: ports.https, host: "127.0.0.1", servername: hostname, ca: web.certificate }),
          },
          (response) => {
            buffer(response).then(
              (content) =>
                resolve({ status: response.statusCode ?? 0, headers: response.headers, text: content.toString() }),
              reject,
            );
          },
        );
        request.once("error", reject).end(body);
      }),
  };
};

/** A plain HTTP origin, for zones whose edge speaks HTTP to it. */
export const plainOrigin = async (t: TestContext, world: World, address: string, listener: RequestListener) => {
  const server = createHttpServer(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  world.place(address, portOf(server));
};
