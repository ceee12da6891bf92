// Helper process in the cloud's namespace: metadata, DHCP and load balancers of one environment.
//   cloud.ts TUNNEL_SOCKET
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { metadataAddress } from "../network/plan.ts";
import { Balancers } from "./balancer.ts";
import type { Asked, CloudConfig, Instance, Lease } from "./config.ts";
import { answer, parseRequest } from "./dhcp.ts";
import { serveConfigurations } from "./link.ts";
import { metadataServer } from "./metadata.ts";
import { tunnelServer } from "./tunnel.ts";

const dhcpServerPort = 67;
const dhcpClientPort = 68;

const leases = new Map<string, Lease>();
const instances = new Map<string, Instance>();
const keyOf = ({ at, by }: Asked): string => `${by} at ${at}`;
const balancers = new Balancers();
const sockets = new Map<string, Socket>();
/** Addresses at which the metadata service listens. */
const doors = new Set<string>();

const bind = (address: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    socket.on("message", onQuestion).once("error", reject);
    socket.bind(dhcpServerPort, address, () => resolve(socket));
  });

const everywhere = await bind("0.0.0.0");

/**
 * Answers go by unicast to the address the client is about to get: the cloud knows its MAC address without asking. Those for
 * private networks leave from the network's service address, which is what leads them into that network.
 */
function onQuestion(packet: Buffer): void {
  const request = parseRequest(packet);
  const lease = request === null ? undefined : leases.get(request.mac);
  if (request === null || lease === undefined) return;
  const socket = lease.from === null ? everywhere : sockets.get(lease.from);
  socket?.send(answer(request, lease), dhcpClientPort, lease.address, (error) => {
    if (error !== null) process.stderr.write(`DHCP answer to ${lease.address}: ${error.message}\n`);
  });
}

async function openDoor(address: string): Promise<void> {
  if (doors.has(address)) return;
  doors.add(address);
  const server = metadataServer((asked) => instances.get(keyOf(asked))).listen(80, address);
  await once(server, "listening");
}

const apply = async (config: CloudConfig): Promise<void> => {
  leases.clear();
  for (const lease of config.leases) leases.set(lease.mac, lease);
  instances.clear();
  for (const instance of config.instances) {
    for (const asked of instance.asked) {
      instances.set(keyOf(asked), instance);
      await openDoor(asked.at);
    }
  }
  for (const { from } of config.leases) if (from !== null && !sockets.has(from)) sockets.set(from, await bind(from));
  await balancers.apply(config.balancers);
};

await openDoor(metadataAddress);
tunnelServer().listen(process.argv[2]);
serveConfigurations(apply);
