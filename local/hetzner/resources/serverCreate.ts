/** `POST /servers`: from the request to the records and the chain of actions. */
import { z } from "zod";
import { locations } from "../catalogue/locations.ts";
import type { ServerTypeEntry } from "../catalogue/serverTypes.ts";
import { nextMac } from "../engine/addresses.ts";
import type { ActionRecord } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { chooseAddress } from "../engine/privateIps.ts";
import { invalidField, limitExceeded, notFound, refused } from "../http/errors.ts";
import { assertLimit, assertUniqueName, find } from "../http/routes.ts";
import { idOrNameSchema, idSchema, labelsSchema } from "../http/validate.ts";
import type { NetworkRecord, PrimaryIpRecord, PrivateNet, ServerRecord, VolumeRecord } from "../records.ts";
import { assertFirewallFits } from "./firewallTargets.ts";
import { resolveImage } from "./images.ts";
import { createPassword } from "./passwords.ts";
import { assertRoomInGroup } from "./placementGroups.ts";
import { newPrimaryIp } from "./primaryIpRecords.ts";
import { attachNetwork, createServer, serverBilling, startServer } from "./serverJobs.ts";
import { assertNetworkFits } from "./serverNetworks.ts";
import { assertAttachable, beginAttach } from "./volumes.ts";

const hostname = /^(?!-)[a-zA-Z0-9-]{1,63}(?<!-)(\.(?!-)[a-zA-Z0-9-]{1,63}(?<!-))*$/;
export const serverNameSchema = z
  .string()
  .max(253)
  .regex(hostname, "Must be a valid hostname as per RFC 1123: letters, digits, hyphens and periods.");

// Length counts in bytes at the provider (measured by users with multi-byte files; the message is the API's).
const userDataSchema = z
  .string()
  .refine((text) => Buffer.byteLength(text) <= 32_768, "Length must be between 0 and 32768.");

export const createSchema = z.strictObject({
  name: serverNameSchema,
  server_type: idOrNameSchema,
  image: idOrNameSchema,
  location: z.string().nullish(),
  ssh_keys: z.array(idOrNameSchema).nullish(),
  user_data: userDataSchema.nullish(),
  networks: z.array(idSchema).nullish(),
  volumes: z.array(idSchema).nullish(),
  automount: z.boolean().nullish(),
  firewalls: z.array(z.strictObject({ firewall: idSchema })).nullish(),
  placement_group: idSchema.nullish(),
  public_net: z
    .strictObject({
      enable_ipv4: z.boolean().nullish(),
      enable_ipv6: z.boolean().nullish(),
      ipv4: idSchema.nullish(),
      ipv6: idSchema.nullish(),
    })
    .nullish(),
  labels: labelsSchema.nullish(),
  start_after_create: z.boolean().nullish(),
});
type CreateBody = z.output<typeof createSchema>;

function locationFor(cloud: Cloud, wanted: string | null | undefined, type: ServerTypeEntry): string {
  if (wanted != null && wanted !== "") return cloud.catalogue.location(wanted).name;
  const sold = locations.find(
    ({ name }) => cloud.catalogue.offer(type, name) !== undefined && !cloud.catalogue.isRetired(type, name),
  );
  return (sold ?? locations[0])?.name ?? "";
}

function sshKeysOf(cloud: Cloud, wanted: readonly (number | string)[]): readonly string[] {
  return wanted.map((idOrName) => {
    const byId = cloud.sshKeys.get(Number(idOrName));
    const key = byId ?? cloud.sshKeys.where("name", idOrName)[0];
    if (key === undefined) throw notFound("ssh_key", idOrName);
    return key.publicKey;
  });
}

type AddressWish = { readonly type: "ipv4" | "ipv6"; readonly enabled: boolean; readonly id: number | null };

function wishes(body: CreateBody): readonly AddressWish[] {
  const net = body.public_net;
  return [
    { type: "ipv4", enabled: net?.enable_ipv4 ?? true, id: net?.ipv4 ?? null },
    { type: "ipv6", enabled: net?.enable_ipv6 ?? true, id: net?.ipv6 ?? null },
  ];
}

/** The primary IP for one family: the given one, a new one, or none. */
function bindAddress(cloud: Cloud, wish: AddressWish, server: number, location: string): PrimaryIpRecord | null {
  if (!wish.enabled) {
    if (wish.id !== null) throw invalidField(`public_net.${wish.type}`, `Not allowed with enable_${wish.type} false.`);
    return null;
  }
  if (wish.id === null) return newPrimaryIp(cloud, { type: wish.type, location, assignee: server, autoDelete: true });
  const address = find(cloud.primaryIps, "primary_ip", wish.id);
  cloud.actions.assertUnlocked({ id: address.id, type: "primary_ip" });
  if (address.type !== wish.type) {
    throw refused("primary_ip_version_mismatch", `primary ip ${address.id} is of type ${address.type}`);
  }
  if (address.assignee !== null) throw refused("primary_ip_assigned", `primary ip ${address.id} is already assigned`);
  if (address.location !== location) {
    throw refused(
      "primary_ip_datacenter_mismatch",
      `primary ip ${address.id} is in ${address.location}, not ${location}`,
    );
  }
  return cloud.primaryIps.put({ ...address, assignee: server });
}

const networksPerServer = 3;

function reserveNets(cloud: Cloud, ids: readonly number[], location: string): readonly PrivateNet[] {
  if (ids.length > networksPerServer) throw limitExceeded("networks_per_server");
  const zone = cloud.catalogue.location(location).network_zone;
  const chosen: NetworkRecord[] = [];
  return ids.map((id) => {
    const network = find(cloud.networks, "network", id);
    assertNetworkFits(cloud, network, chosen);
    chosen.push(network);
    return {
      network: id,
      ip: chooseAddress(cloud, network, zone, {}),
      aliasIps: [],
      macAddress: nextMac(cloud.store, "private"),
      status: "attaching",
    };
  });
}

function applyFirewalls(cloud: Cloud, ids: readonly number[], server: number): void {
  for (const id of ids) {
    const firewall = find(cloud.firewalls, "firewall", id);
    assertFirewallFits(cloud, firewall, server);
    const target = { type: "server", server, status: "pending" } as const;
    cloud.firewalls.put({ ...firewall, appliedTo: [...firewall.appliedTo, target] });
  }
}

export type CreatedServer = {
  readonly server: ServerRecord;
  readonly action: ActionRecord;
  readonly next: readonly ActionRecord[];
  readonly rootPassword: string | null;
};

function beginChain(
  cloud: Cloud,
  server: ServerRecord,
  body: CreateBody,
  volumes: readonly VolumeRecord[],
): readonly ActionRecord[] {
  const self = { id: server.id, type: "server" };
  const starts = body.start_after_create ?? true;
  const create = cloud.actions.begin({
    command: "create_server",
    resources: [self],
    locks: [self],
    job: createServer.call({ server: server.id, starts }),
  });
  const attachNets = server.privateNets.map((net) => {
    const network = { id: net.network, type: "network" };
    return cloud.actions.begin({
      command: "attach_to_network",
      resources: [self, network],
      locks: [self],
      changes: [network],
      after: [create],
      job: attachNetwork.call({ server: server.id, network: net.network }),
    });
  });
  const attachVolumes = volumes.map((volume) =>
    beginAttach(cloud, volume, server.id, { automount: body.automount ?? false, after: [create] }),
  );
  const attachments = [...attachNets, ...attachVolumes];
  if (!starts) return [create, ...attachments];
  const start = cloud.actions.begin({
    command: "start_server",
    resources: [self],
    locks: [self],
    after: [create, ...attachments],
    job: startServer.call({ server: server.id }),
  });
  return [create, start, ...attachments];
}

/** Everything but the primary IPs, which are bound to the id first. */
function draft(cloud: Cloud, body: CreateBody, id: number): ServerRecord {
  const type = cloud.catalogue.serverType(body.server_type);
  const location = locationFor(cloud, body.location, type);
  const { image } = resolveImage(cloud, body.image, type.architecture);
  const sshKeys = sshKeysOf(cloud, body.ssh_keys ?? []);
  cloud.catalogue.assertOrderable(type, location);
  return {
    id,
    name: body.name,
    labels: body.labels ?? {},
    created: cloud.clock.stamp(),
    status: "initializing",
    location,
    serverType: type.id,
    image: image.id,
    primaryDiskSize: type.disk,
    userData: body.user_data ?? "",
    sshKeys,
    rootPassword: sshKeys.length > 0 ? null : createPassword(),
    protection: { delete: false, rebuild: false },
    backupWindow: null,
    rescueEnabled: false,
    iso: null,
    placementGroup: body.placement_group ?? null,
    primaryIpv4: null,
    primaryIpv6: null,
    publicMacAddress: nextMac(cloud.store, "public"),
    privateNets: reserveNets(cloud, body.networks ?? [], location),
  };
}

function assertReachable(body: CreateBody): void {
  const isPublic = wishes(body).some((wish) => wish.enabled);
  // One that is not started may join its networks later: so the Terraform provider makes private servers
  // (terraform-provider-hcloud issue 555 quotes the client's rule).
  if (!isPublic && (body.networks ?? []).length === 0 && body.start_after_create !== false) {
    throw invalidField("networks", "A server without public IPs needs at least one network.");
  }
  if (!isPublic && (body.firewalls ?? []).length > 0) {
    throw refused("private_net_only_server", "a server without public interface cannot have firewalls");
  }
}

/** Carried out inside one change: a refusal leaves nothing behind. */
export function create(cloud: Cloud, body: CreateBody): CreatedServer {
  assertUniqueName(cloud.servers, "server", body.name);
  assertLimit(cloud, "servers", cloud.servers.size);
  assertReachable(body);
  if (body.placement_group != null) {
    const group = find(cloud.placementGroups, "placement_group", body.placement_group);
    assertRoomInGroup(cloud, group.id);
  }
  const id = cloud.store.nextId("server", 120_000_001);
  const drafted = draft(cloud, body, id);
  const volumes = (body.volumes ?? []).map((volumeId) => {
    const volume = find(cloud.volumes, "volume", volumeId);
    assertAttachable(cloud, volume, drafted.location);
    return volume;
  });
  const [ipv4, ipv6] = wishes(body).map((wish) => bindAddress(cloud, wish, id, drafted.location));
  const server = cloud.servers.put({ ...drafted, primaryIpv4: ipv4?.id ?? null, primaryIpv6: ipv6?.id ?? null });
  applyFirewalls(
    cloud,
    (body.firewalls ?? []).map((entry) => entry.firewall),
    id,
  );
  cloud.billing.open(serverBilling(cloud, server));
  const [action, ...next] = beginChain(cloud, server, body, volumes);
  if (action === undefined) throw new Error("a server is created by an action");
  return { server, action, next, rootPassword: server.rootPassword };
}
