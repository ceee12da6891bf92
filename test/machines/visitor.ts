/** A visitor of the platform as its load balancer sees one: TLS from an address of the edge, with the edge's certificate. */
import { request } from "node:https";
import { connect } from "node:tls";
import { isIPv4 } from "node:net";
import { connectThrough } from "../../local/machines/connect.ts";
import { addInternetHost } from "../../local/machines/internet.ts";
import { names } from "../../cli/secrets/wanted.ts";
import type { Stage } from "./stage.ts";

export type Visit = {
  readonly method?: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Left out: `api` of the zone. */
  readonly host?: string;
  /** Without the edge's certificate, as somebody who found the origin's address. */
  readonly bare?: boolean;
  /** For connection, TLS and answer together; left out: 10 s. */
  readonly timeoutMs?: number;
};

export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly text: string;
};

type Edge = {
  readonly origin: string;
  readonly from: string;
  readonly cert: string;
  readonly key: string;
  readonly zone: string;
};

export type Visitor = { ask(path: string, visit: Visit): Promise<Answer> };

/** The first usable address of a range like 173.245.48.0/20. */
const hostIn = (range: string): string => range.replace(/\.(\d+)\/\d+$/, (_, last: string) => `.${Number(last) + 5}`);

async function findEdge(stage: Stage): Promise<Edge> {
  const plan = await stage.plan();
  const entrance = plan.machines.find(({ role }) => role === "load-balancer" || role === "server");
  const origin = entrance === undefined ? null : stage.machine(entrance.name).publicIpv4;
  const ranges = plan.edge.originRanges.ranges.map((range) => hostIn(range)).filter((address) => isIPv4(address));
  const [from] = ranges;
  if (origin === null || from === undefined) throw new Error(`${stage.stack} has no public entrance`);
  await addInternetHost(stage.environment(), { addresses: [from], names: [] });
  const [cert, key] = await Promise.all([stage.secret(names.edgeCertificate), stage.secret(names.edgeKey)]);
  return { origin, from, cert, key, zone: plan.edge.zone };
}

export function createVisitor(stage: Stage): Visitor {
  let edge: Promise<Edge> | undefined;
  return {
    async ask(path, visit) {
      edge ??= findEdge(stage);
      const { origin, from, cert, key, zone } = await edge;
      const host = visit.host ?? `api.${zone}`;
      const signal = AbortSignal.timeout(visit.timeoutMs ?? 10_000);
      const door = { host: origin, port: 443, from };
      const socket = await connectThrough(stage.environment().internetSocket, door, signal);
      const credentials = visit.bare === true ? {} : { cert, key };
      // The certificate is of Cloudflare's authority for origins, which no visitor but the edge knows.
      const secure = connect({ socket, servername: host, rejectUnauthorized: false, ...credentials });
      return await exchange(path, { ...visit, host, signal }, secure);
    },
  };
}

const exchange = (
  path: string,
  { host, method = "GET", body, headers = {}, signal }: Visit & { readonly host: string; readonly signal: AbortSignal },
  secure: ReturnType<typeof connect>,
): Promise<Answer> =>
  new Promise((resolve, reject) => {
    const payload = body === undefined ? undefined : JSON.stringify(body);
    const type = payload === undefined ? {} : { "content-type": "application/json" };
    const asked = request({
      createConnection: () => secure,
      method,
      path,
      headers: { host, connection: "close", ...type, ...headers },
      signal,
    });
    // An aborted request leaves a socket alone that it does not have yet.
    signal.addEventListener("abort", () => secure.destroy(), { once: true });
    secure.once("error", reject);
    asked.once("error", reject).once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      response.once("error", reject).once("end", () => {
        secure.destroy();
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      });
    });
    asked.end(payload);
  });
