// Helper process in the internet's namespace: resolvers, and doors that lead to sockets of the host.
//   internet.ts TUNNEL_SOCKET NAMES_FOLDER
import { createSocket } from "node:dgram";
import { existsSync, readFileSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { resolvers } from "../network/plan.ts";
import { join as joinSockets } from "./balancer.ts";
import { serveConfigurations } from "./link.ts";
import { answerQuestion, isHostName, type Names } from "./names.ts";
import { tunnelServer } from "./tunnel.ts";

/** An address and port of the internet that is served by a unix socket of the host. */
export type Door = { readonly address: string; readonly port: number; readonly socket: string };
export type InternetConfig = { readonly names: Names; readonly doors: readonly Door[] };

let names: Names = {};
const folder = process.argv[3] ?? "";

/** A name of the configuration, or of the folder in which any process of the host may put more. */
const addressOf = (name: string): string | undefined => {
  const file = join(folder, name);
  return names[name] ?? (isHostName(name) && existsSync(file) ? readFileSync(file, "utf8").trim() : undefined);
};

const open = new Map<string, Server>();

const openDoor = ({ address, port, socket }: Door): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen: true }, (client) =>
      joinSockets(client, connect({ path: socket, allowHalfOpen: true })),
    );
    server.once("error", reject).listen(port, address, () => resolve(server));
  });

const apply = async (config: InternetConfig): Promise<void> => {
  names = config.names;
  const wanted = new Map(config.doors.map((door) => [JSON.stringify(door), door]));
  for (const [key, server] of open) {
    if (wanted.has(key)) continue;
    server.close();
    open.delete(key);
  }
  for (const [key, door] of wanted) if (!open.has(key)) open.set(key, await openDoor(door));
};

for (const address of resolvers) {
  const socket = createSocket("udp4");
  socket.on("message", (message, from) => {
    const reply = answerQuestion(message, addressOf);
    if (reply !== null) socket.send(reply, from.port, from.address);
  });
  socket.bind(53, address);
}
tunnelServer().listen(process.argv[2]);
serveConfigurations(apply);
