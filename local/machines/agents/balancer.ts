import { connect, createServer, type Server, type Socket } from "node:net";
import type { Balancer } from "./config.ts";

type Service = Balancer["services"][number];
type Target = Balancer["targets"][number];

/** A target that does not answer within this time is passed over for the next one. */
const connectTimeoutMs = 3_000;
const probeIntervalMs = 1_000;

/** PROXY protocol, version 1 (haproxy.org, proxy-protocol.txt): receivers accept the text form wherever they accept the binary one. */
const proxyHeader = (client: Socket): string =>
  `PROXY TCP4 ${client.remoteAddress} ${client.localAddress} ${client.remotePort} ${client.localPort}\r\n`;

const open = (target: Target, port: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = connect({
      host: target.ip,
      port,
      allowHalfOpen: true,
      ...(target.from === null ? {} : { localAddress: target.from }),
    });
    socket.setTimeout(connectTimeoutMs, () => socket.destroy(new Error("no answer in time")));
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.setTimeout(0).off("error", reject);
      resolve(socket);
    });
  });

/** Joins two connections: what ends or breaks on one side does so on the other. */
export const join = (a: Socket, b: Socket): void => {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.on("error", () => to.destroy());
    from.on("close", () => to.destroy());
    from.pipe(to);
  }
};

/** One service of a load balancer of the API: takes turns among the targets and leaves out those that refused until they answer. */
export class BalancerService {
  readonly #service: Service;
  readonly #down = new Map<string, NodeJS.Timeout>();
  readonly #clients = new Set<Socket>();
  readonly #servers: Server[] = [];
  #targets: readonly Target[] = [];
  #next = 0;

  constructor(service: Service) {
    this.#service = service;
  }

  setTargets(targets: readonly Target[]): void {
    this.#targets = targets;
  }

  async listen(addresses: readonly string[]): Promise<void> {
    for (const address of addresses) {
      const server = createServer({ allowHalfOpen: true }, (client) => void this.#serve(client));
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject).listen(this.#service.listenPort, address, () => resolve());
      });
      this.#servers.push(server);
    }
  }

  close(): void {
    for (const server of this.#servers) server.close();
    for (const client of this.#clients) client.destroy();
    for (const timer of this.#down.values()) clearInterval(timer);
  }

  async #serve(client: Socket): Promise<void> {
    this.#clients.add(client);
    client.on("close", () => this.#clients.delete(client)).on("error", () => client.destroy());
    const upstream = await this.#choose();
    if (upstream === null || client.destroyed) {
      upstream?.destroy();
      client.destroy();
      return;
    }
    if (this.#service.proxyprotocol) upstream.write(proxyHeader(client));
    join(client, upstream);
  }

  async #choose(): Promise<Socket | null> {
    const turn = this.#next;
    this.#next += 1;
    const inTurn = this.#targets.map((_, index) => this.#targets[(turn + index) % this.#targets.length]);
    for (const target of inTurn) {
      if (target === undefined || this.#down.has(target.ip)) continue;
      try {
        return await open(target, this.#service.destinationPort);
      } catch {
        this.#watch(target);
      }
    }
    return null;
  }

  #watch(target: Target): void {
    if (this.#down.has(target.ip)) return;
    const probe = setInterval(() => {
      open(target, this.#service.destinationPort).then(
        (socket) => {
          socket.destroy();
          clearInterval(probe);
          this.#down.delete(target.ip);
        },
        () => undefined,
      );
    }, probeIntervalMs);
    this.#down.set(target.ip, probe.unref());
  }
}

/** All services of all load balancers; replaces only those whose addresses or ports changed, so others keep their connections. */
export class Balancers {
  readonly #services = new Map<string, BalancerService>();

  async apply(balancers: readonly Balancer[]): Promise<void> {
    const wanted = new Map(
      balancers.flatMap((balancer) =>
        balancer.services.map(
          (service) => [JSON.stringify([balancer.id, balancer.listen, service]), { balancer, service }] as const,
        ),
      ),
    );
    for (const [key, service] of this.#services) {
      if (wanted.has(key)) continue;
      service.close();
      this.#services.delete(key);
    }
    for (const [key, { balancer, service }] of wanted) {
      const running = this.#services.get(key) ?? new BalancerService(service);
      running.setTargets(balancer.targets);
      if (this.#services.has(key)) continue;
      await running.listen(balancer.listen);
      this.#services.set(key, running);
    }
  }
}
