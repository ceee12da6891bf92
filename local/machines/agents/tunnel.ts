import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "./balancer.ts";

/** First line of a connection to a tunnel: where to go from inside the namespace. */
export type Destination = { readonly host: string; readonly port: number; readonly from?: string };

const longestLine = 512;

const readLine = (socket: Socket): Promise<string> =>
  new Promise((resolve, reject) => {
    let text = Buffer.alloc(0);
    const onData = (chunk: Buffer): void => {
      text = Buffer.concat([text, chunk]);
      const end = text.indexOf(10);
      if (end < 0 && text.length < longestLine) return;
      socket.off("data", onData).pause();
      if (end < 0) {
        reject(new Error("the first line is too long"));
        return;
      }
      // What came after the line belongs to the destination.
      if (end + 1 < text.length) socket.unshift(text.subarray(end + 1));
      resolve(text.subarray(0, end).toString());
    };
    socket
      .on("data", onData)
      .once("error", reject)
      .once("end", () => reject(new Error("ended before the first line")));
  });

/**
 * Listens on a unix socket, which is reachable from every network namespace, and connects from the namespace it runs in. The
 * answer's first line is `ok` or the reason why not.
 */
export const tunnelServer = (): Server =>
  createServer({ allowHalfOpen: true }, (client) => {
    client.on("error", () => client.destroy());
    readLine(client)
      .then((line) => {
        const { host, port, from } = JSON.parse(line) as Destination;
        const upstream = connect({
          host,
          port,
          allowHalfOpen: true,
          ...(from === undefined ? {} : { localAddress: from }),
        });
        upstream.once("error", (error) => client.end(`${error.message}\n`));
        upstream.once("connect", () => {
          client.write("ok\n");
          join(client, upstream);
        });
      })
      .catch((error: Error) => client.end(`${error.message}\n`));
  });
