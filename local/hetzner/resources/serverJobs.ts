/** What the actions of servers do: machine work first, then the change of state. */
import { systemImages } from "../catalogue/images.ts";
import { type AnyJob, defineJob } from "../engine/jobs.ts";
import type { BillingOpening } from "../engine/billing.ts";
import type { Cloud } from "../engine/cloud.ts";
import { firewallsOf } from "../engine/firewalling.ts";
import { releaseAddress } from "../engine/privateIps.ts";
import type { MachineSize, MachineSpec } from "../driver.ts";
import type { PrivateNet, ServerRecord } from "../records.ts";
import { settleTargets } from "./firewalls.ts";
import { forgetImage } from "./images.ts";
import { removePrimaryIp } from "./primaryIpRecords.ts";

export type OnServer = { readonly server: number };

export function editServer(cloud: Cloud, id: number, change: Partial<ServerRecord>): void {
  const server = cloud.servers.get(id);
  if (server !== undefined) cloud.servers.put({ ...server, ...change });
}

export function editNet(cloud: Cloud, id: number, network: number, change: Partial<PrivateNet>): void {
  const privateNets = cloud.servers
    .get(id)
    ?.privateNets.map((net) => (net.network === network ? { ...net, ...change } : net));
  if (privateNets !== undefined) editServer(cloud, id, { privateNets });
}

export function sizeOf(cloud: Cloud, server: ServerRecord): MachineSize {
  const type = cloud.catalogue.serverType(server.serverType);
  return { cores: type.cores, memoryGiB: type.memory, diskGiB: server.primaryDiskSize };
}

function specOf(cloud: Cloud, server: ServerRecord): MachineSpec {
  const system = systemImages.find((image) => image.id === server.image);
  return {
    id: server.id,
    name: server.name,
    location: server.location,
    image: system?.name ?? String(server.image ?? ""),
    userData: server.userData,
    sshKeys: server.sshKeys,
    rootPassword: server.rootPassword,
    size: sizeOf(cloud, server),
  };
}

/** The line of a server's own price, frozen now. */
export function serverBilling(cloud: Cloud, server: ServerRecord): BillingOpening {
  const type = cloud.catalogue.serverType(server.serverType);
  const offer = cloud.catalogue.offer(type, server.location);
  return {
    resource: "server",
    resourceId: server.id,
    name: server.name,
    product: type.name,
    location: server.location,
    quantity: 1,
    month: offer?.month ?? "0.00",
    hour: offer?.hour ?? "0.0000",
  };
}

export const createServer = defineJob<OnServer & { readonly starts: boolean }>("server.create", {
  sync: true,
  run: async (cloud, { server: id }) => {
    const server = cloud.servers.get(id);
    if (server !== undefined) await cloud.driver.provision(specOf(cloud, server));
  },
  apply: (cloud, { server, starts }) => {
    editServer(cloud, server, { status: starts ? "starting" : "off", rootPassword: null });
    for (const { firewall } of firewallsOf(cloud, server)) {
      settleTargets(cloud, firewall, (target) => target.type === "server" && target.server === server);
    }
    cloud.selectors.touch();
  },
  failed: (cloud, { server }) => editServer(cloud, server, { status: "off", rootPassword: null }),
});

export const startServer = defineJob<OnServer>("server.start", {
  run: (cloud, { server }) => cloud.driver.start(server),
  // Rescue mode lasts for one boot, so the boot uses it up.
  apply: (cloud, { server }) => editServer(cloud, server, { status: "running", rescueEnabled: false }),
  failed: (cloud, { server }) => editServer(cloud, server, { status: "off" }),
});

export const stopServer = defineJob<OnServer & { readonly how: "graceful" | "hard" }>("server.stop", {
  run: (cloud, { server, how }) => cloud.driver.stop(server, how),
  apply: (cloud, { server }) => editServer(cloud, server, { status: "off" }),
  failed: (cloud, { server }) => editServer(cloud, server, { status: "running" }),
});

export const rebootServer = defineJob<OnServer & { readonly how: "graceful" | "hard" }>("server.reboot", {
  run: async (cloud, { server, how }) => {
    if (how === "hard") await cloud.driver.reset(server);
    else {
      await cloud.driver.stop(server, "graceful");
      await cloud.driver.start(server);
    }
  },
  apply: (cloud, { server }) => editServer(cloud, server, { status: "running", rescueEnabled: false }),
});

export const changeType = defineJob<OnServer & { readonly serverType: number; readonly disk: number }>(
  "server.change_type",
  {
    run: async (cloud, { server: id, serverType, disk }) => {
      const type = cloud.catalogue.serverType(serverType);
      await cloud.driver.resize(id, { cores: type.cores, memoryGiB: type.memory, diskGiB: disk });
      await cloud.driver.start(id);
    },
    apply: (cloud, { server: id, serverType, disk }) => {
      editServer(cloud, id, { serverType, primaryDiskSize: disk, status: "running" });
      const server = cloud.servers.get(id);
      if (server === undefined) return;
      cloud.billing.reopen(serverBilling(cloud, server));
      if (server.backupWindow !== null) cloud.billing.reopen(backupBilling(cloud, server));
    },
    failed: (cloud, { server }) => editServer(cloud, server, { status: "off" }),
  },
);

/** Backups cost a fifth of the server's price. */
export function backupBilling(cloud: Cloud, server: ServerRecord): BillingOpening {
  return { ...serverBilling(cloud, server), resource: "server_backup", product: "backup", quantity: 0.2 };
}

export const rebuildServer = defineJob<OnServer>("server.rebuild", {
  run: async (cloud, { server: id }) => {
    const server = cloud.servers.get(id);
    if (server === undefined) return;
    await cloud.driver.stop(id, "hard");
    await cloud.driver.rebuild(specOf(cloud, server));
    await cloud.driver.start(id);
  },
  apply: (cloud, { server }) => editServer(cloud, server, { status: "running", rootPassword: null }),
  failed: (cloud, { server }) => editServer(cloud, server, { status: "off", rootPassword: null }),
});

const backupsOf = (cloud: Cloud, server: number): readonly number[] =>
  cloud.images.where("boundTo", server).map((image) => image.id);

function releaseServer(cloud: Cloud, server: ServerRecord): void {
  for (const volume of cloud.volumes.where("server", server.id)) cloud.volumes.put({ ...volume, server: null });
  for (const image of backupsOf(cloud, server.id)) forgetImage(cloud, image);
  for (const net of server.privateNets) releaseAddress(cloud, net.network, net.ip);
  for (const id of [server.primaryIpv4, server.primaryIpv6]) {
    const address = id === null ? undefined : cloud.primaryIps.get(id);
    if (address?.autoDelete === true) removePrimaryIp(cloud, address.id);
    else if (address !== undefined) cloud.primaryIps.put({ ...address, assignee: null });
  }
  for (const address of cloud.floatingIps.where("server", server.id))
    cloud.floatingIps.put({ ...address, server: null });
  for (const { firewall } of firewallsOf(cloud, server.id)) {
    const appliedTo = firewall.appliedTo
      .filter((target) => target.type !== "server" || target.server !== server.id)
      .map((target) =>
        target.type === "server" ? target : { ...target, servers: target.servers.filter((id) => id !== server.id) },
      );
    cloud.firewalls.put({ ...firewall, appliedTo });
  }
  for (const loadBalancer of cloud.loadBalancers.all()) {
    const targets = loadBalancer.targets.filter((target) => target.type !== "server" || target.server !== server.id);
    if (targets.length !== loadBalancer.targets.length) cloud.loadBalancers.put({ ...loadBalancer, targets });
  }
}

export const deleteServer = defineJob<OnServer>("server.delete", {
  sync: true,
  run: async (cloud, { server }) => {
    for (const volume of cloud.volumes.where("server", server)) await cloud.driver.detachVolume(volume.id);
    await cloud.driver.destroy(server);
    for (const image of backupsOf(cloud, server)) await cloud.driver.deleteSnapshot(image);
  },
  // The name is free from here on, not from the request on.
  apply: (cloud, { server: id }) => {
    const server = cloud.servers.get(id);
    if (server === undefined) return;
    releaseServer(cloud, server);
    cloud.billing.close("server", id);
    cloud.billing.close("server_backup", id);
    cloud.servers.delete(id);
  },
  failed: (cloud, { server }) => editServer(cloud, server, { status: "unknown" }),
});

type Attachment = OnServer & { readonly network: number };

function leaveNetwork(cloud: Cloud, { server: id, network }: Attachment): void {
  const server = cloud.servers.get(id);
  const net = server?.privateNets.find((candidate) => candidate.network === network);
  if (server === undefined || net === undefined) return;
  releaseAddress(cloud, network, net.ip);
  cloud.servers.put({ ...server, privateNets: server.privateNets.filter((candidate) => candidate !== net) });
}

export const attachNetwork = defineJob<Attachment>("server.attach_network", {
  sync: true,
  apply: (cloud, { server, network }) => editNet(cloud, server, network, { status: "ok" }),
  failed: leaveNetwork,
});

export const detachNetwork = defineJob<Attachment>("server.detach_network", {
  sync: true,
  apply: leaveNetwork,
  failed: (cloud, { server, network }) => editNet(cloud, server, network, { status: "ok" }),
});

export const settleNetwork = defineJob<Attachment>("server.settle_network", {
  sync: true,
  apply: (cloud, { server, network }) => editNet(cloud, server, network, { status: "ok" }),
});

/** Actions whose change of state is made when they begin; time passes all the same. */
export const settled = defineJob<OnServer>("server.settled", {});

export const serverJobs: readonly AnyJob[] = [
  createServer,
  startServer,
  stopServer,
  rebootServer,
  changeType,
  rebuildServer,
  deleteServer,
  attachNetwork,
  detachNetwork,
  settleNetwork,
  settled,
];
