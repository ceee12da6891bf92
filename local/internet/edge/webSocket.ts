import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { join } from "../../machines/agents/balancer.ts";
import type { EdgeZone } from "./config.ts";
import type { Origins, Upgraded } from "./exchange.ts";
import { toOrigin, type Visit } from "./headers.ts";
import { OriginError, type Timeouts } from "./origin.ts";
import type { ZoneRules } from "./rules.ts";
import { factsOf, originScheme } from "./visit.ts";

export type Wish = {
  readonly zone: EdgeZone;
  readonly rules: ZoneRules;
  readonly visit: Visit;
  readonly request: IncomingMessage;
  readonly socket: Socket;
  readonly head: Buffer;
};

const refuse = (socket: Socket, status: number, code: number, ray: string): void => {
  const body = `error code: ${code}\n`;
  socket.end(
    [
      `HTTP/1.1 ${status} Refused`,
      "content-type: text/plain; charset=UTF-8",
      `content-length: ${body.length}`,
      `cf-ray: ${ray}`,
      "server: cloudflare",
      "connection: close",
      "",
      body,
    ].join("\r\n"),
  );
};

const headOf = ({ statusCode, statusMessage, rawHeaders }: IncomingMessage, ray: string): string => {
  const lines = [`HTTP/1.1 ${statusCode} ${statusMessage}`];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
  return [...lines, `cf-ray: ${ray}`, "", ""].join("\r\n");
};

const isUpgraded = (answer: IncomingMessage | Upgraded): answer is Upgraded => "response" in answer;

/** An origin that did not switch answers once, and the connection ends. */
const passAnswer = (answer: IncomingMessage, socket: Socket, ray: string): void => {
  const { "transfer-encoding": _chunks, connection: _connection, ...headers } = answer.headers;
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${String(value)}`);
  const status = `HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}`;
  socket.write([status, ...lines, `cf-ray: ${ray}`, "connection: close", "", ""].join("\r\n"));
  answer.on("error", () => socket.destroy()).pipe(socket);
};

/** Leads a visitor's WebSocket to an origin. */
export const passWebSocket = async (wish: Wish, origins: Origins, timeouts: Timeouts): Promise<void> => {
  const { zone, rules, visit, request, socket, head } = wish;
  const url = request.url ?? "/";
  const refusal = rules.refusal(factsOf(visit, request.method ?? "GET", url, request.headers), Date.now());
  if (refusal !== null || !zone.webSockets) {
    refuse(socket, refusal?.status ?? 403, refusal?.code ?? 1020, visit.ray);
    return;
  }
  const gone = new AbortController();
  const leave = (): void => gone.abort();
  socket.once("close", leave);
  const headers = { ...toOrigin(request.headers, visit), connection: "Upgrade", upgrade: request.headers.upgrade };
  const outgoing = { method: "GET", path: url, headers, body: null, signal: gone.signal };
  try {
    const answer = await origins.upgrade(zone, originScheme(zone, visit.scheme), visit.host, outgoing);
    socket.off("close", leave);
    if (!isUpgraded(answer)) {
      passAnswer(answer, socket, visit.ray);
      return;
    }
    socket.write(headOf(answer.response, visit.ray));
    if (answer.head.length > 0) socket.write(answer.head);
    if (head.length > 0) answer.socket.write(head);
    for (const side of [socket, answer.socket]) side.setTimeout(timeouts.webSocketIdleMs, () => side.destroy());
    join(socket, answer.socket);
  } catch (error) {
    if (!(error instanceof OriginError)) throw error;
    refuse(socket, error.status, error.status, visit.ray);
  }
};
