// Helper process in the cloud's namespace: metadata, DHCP and load balancers of one environment.
//   cloud.ts TUNNEL_SOCKET
import { createSocket, type Socket } from "node:dgram";
import { metadataAddress } from "../network/plan.ts";
import { Balancers } from "./balancer.ts";
import type { CloudConfig, Instance, Lease } from "./config.ts";
import { answer, parseRequest } from "./dhcp.ts";
import { serveConfigurations } from "./link.ts";
import { metadataServer } from "./metadata.ts";
import { tunnelServer } from "./tunnel.ts";

const dhcpServerPort = 67;
const dhcpClientPort = 68;

const leases = new Map<string, Lease>();
const instances = new Map<string, Instance>();
const balancers = new Balancers();
const sockets = new Map<string, Socket>();

const bind = (address: string): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket({ type: "udp4", reuseAddr: true });
    socket.on("message", onQuestion).once("error", reject);
    socket.bind(dhcpServerPort, address, () => resolve(socket));
  });

const everywhere = await bind("0.0.0.0");

/**
 * Answers go by unicast to the address the client is about to get: the cloud knows its MAC address without asking. Those for
 * private networks leave from the network's gateway, which is what leads them into that network.
 */
function onQuestion(packet: Buffer): void {
  const request = parseRequest(packet);
  const lease = request === null ? undefined : leases.get(request.mac);
  if (request === null || lease === undefined) return;
  const socket = lease.defaultRoute ? everywhere : sockets.get(lease.gateway);
  socket?.send(answer(request, lease), dhcpClientPort, lease.address, (error) => {
    if (error !== null) process.stderr.write(`DHCP answer to ${lease.address}: ${error.message}\n`);
  });
}

const apply = async (config: CloudConfig): Promise<void> => {
  leases.clear();
  for (const lease of config.leases) leases.set(lease.mac, lease);
  instances.clear();
  for (const instance of config.instances) for (const address of instance.addresses) instances.set(address, instance);
  for (const { gateway, defaultRoute } of config.leases) {
    if (!defaultRoute && !sockets.has(gateway)) sockets.set(gateway, await bind(gateway));
  }
  await balancers.apply(config.balancers);
};

metadataServer((address) => instances.get(address)).listen(80, metadataAddress);
tunnelServer().listen(process.argv[2]);
serveConfigurations(apply);
