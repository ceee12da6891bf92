import type { Hono } from "hono";
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import type { ActionRecord } from "../engine/jobs.ts";
import { ApiError, invalidField, protectedFrom } from "../http/errors.ts";
import {
  actionRoute,
  actionView,
  assertUniqueName,
  find,
  type Kind,
  namedSorts,
  pointerList,
  readRoutes,
  renamed,
} from "../http/routes.ts";
import { emptyBody, idSchema, labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { PrimaryIpRecord } from "../records.ts";
import { ipv4Pointer, pointerRoute, protectionRoute } from "./commonActions.ts";

const createSchema = z.strictObject({
  name: nameSchema,
  type: z.enum(["ipv4", "ipv6"]),
  assignee_type: z.enum(["server", "unassigned"]).nullish(),
  assignee_id: idSchema.nullish(),
  auto_delete: z.boolean().nullish(),
  labels: labelsSchema.nullish(),
  location: z.string().nullish(),
});

const assignSchema = z.strictObject({ assignee_id: idSchema, assignee_type: z.enum(["server"]) });

export const primaryIpView = (cloud: Cloud, address: PrimaryIpRecord): object => ({
  id: address.id,
  name: address.name,
  type: address.type,
  ip: address.ip,
  assignee_id: address.assignee,
  // Since 2026-08-01; before, a free address said `server` as well.
  assignee_type: address.assignee === null ? "unassigned" : "server",
  auto_delete: address.autoDelete,
  blocked: false,
  created: address.created,
  labels: address.labels,
  location: cloud.catalogue.location(address.location),
  dns_ptr:
    address.type === "ipv4"
      ? [{ ip: address.ip, dns_ptr: ipv4Pointer(address.ip, address.dnsPtr) }]
      : pointerList(address.dnsPtr),
  protection: address.protection,
});

export type NewPrimaryIp = {
  readonly name?: string;
  readonly type: "ipv4" | "ipv6";
  readonly location: string;
  readonly assignee: number | null;
  readonly autoDelete: boolean;
  readonly labels?: Labels;
};

export function isPublicIpTaken(cloud: Cloud, ip: string): boolean {
  return [cloud.primaryIps, cloud.floatingIps, cloud.loadBalancers].some(
    (collection) => collection.where("ip", ip).length > 0,
  );
}

/** Makes the record; the caller has checked the name. */
export function newPrimaryIp(cloud: Cloud, wish: NewPrimaryIp): PrimaryIpRecord {
  assertLimit(cloud, "primary_ips", cloud.primaryIps.size);
  const id = cloud.store.nextId("primary_ip", 81_000_001);
  const name = wish.name ?? `primary_ip-${id}`;
  if (wish.type === "ipv4") {
    cloud.billing.open({
      resource: "primary_ip",
      resourceId: id,
      name,
      product: "primary_ipv4",
      location: wish.location,
      quantity: 1,
      ...primaryIpv4,
    });
  }
  return cloud.primaryIps.put({
    id,
    name,
    labels: wish.labels ?? {},
    created: cloud.clock.stamp(),
    type: wish.type,
    ip:
      wish.type === "ipv4"
        ? nextPublicIpv4(cloud.store, (ip) => isPublicIpTaken(cloud, ip))
        : nextPublicIpv6(cloud.store),
    location: wish.location,
    assignee: wish.assignee,
    autoDelete: wish.autoDelete,
    protection: { delete: false },
    dnsPtr: {},
  });
}

export function removePrimaryIp(cloud: Cloud, id: number): void {
  cloud.primaryIps.delete(id);
  cloud.billing.close("primary_ip", id);
}

const slotOf = (type: "ipv4" | "ipv6"): "primaryIpv4" | "primaryIpv6" =>
  type === "ipv4" ? "primaryIpv4" : "primaryIpv6";

type Binding = { readonly address: number; readonly server: number };

const assignIp = defineJob<Binding>("primary_ip.assign", {
  sync: true,
  apply: (cloud, { address: id, server: serverId }) => {
    const address = cloud.primaryIps.get(id);
    const server = cloud.servers.get(serverId);
    if (address === undefined || server === undefined) return;
    cloud.primaryIps.put({ ...address, assignee: serverId });
    cloud.servers.put({ ...server, [slotOf(address.type)]: id });
    cloud.selectors.touch();
  },
});

const unassignIp = defineJob<Binding>("primary_ip.unassign", {
  sync: true,
  apply: (cloud, { address: id, server: serverId }) => {
    const address = cloud.primaryIps.get(id);
    const server = cloud.servers.get(serverId);
    if (address !== undefined) cloud.primaryIps.put({ ...address, assignee: null });
    if (address !== undefined && server !== undefined) {
      cloud.servers.put({ ...server, [slotOf(address.type)]: null });
    }
    cloud.selectors.touch();
  },
});

export const primaryIpJobs: readonly AnyJob[] = [assignIp, unassignIp];

function assertStopped(cloud: Cloud, server: ServerRecord): void {
  cloud.actions.assertUnlocked({ id: server.id, type: "server" });
  if (server.status !== "off") throw refused("server_not_stopped", "server must be powered off");
}

/** The rules for giving an address to a server that exists. */
export function assertAssignable(address: PrimaryIpRecord, server: ServerRecord): void {
  if (address.assignee !== null) {
    throw refused("primary_ip_already_assigned", `primary ip ${address.id} is assigned to server ${address.assignee}`);
  }
  if (address.location !== server.location) {
    throw refused(
      "primary_ip_datacenter_mismatch",
      `primary ip is in ${address.location}, server in ${server.location}`,
    );
  }
  if (server[slotOf(address.type)] !== null) {
    throw refused(`server_has_${address.type}`, `server already has a primary ${address.type}`);
  }
}

function beginAssign(cloud: Cloud, address: PrimaryIpRecord, server: ServerRecord): ActionRecord {
  assertStopped(cloud, server);
  assertAssignable(address, server);
  const resources = [
    { id: address.id, type: "primary_ip" },
    { id: server.id, type: "server" },
  ];
  return cloud.actions.begin({
    command: "assign_primary_ip",
    resources,
    locks: resources,
    job: assignIp.call({ address: address.id, server: server.id }),
  });
}

function isPublicTarget(cloud: Cloud, server: number): boolean {
  return cloud.loadBalancers
    .all()
    .some(({ targets }) => targets.some((t) => t.type === "server" && t.server === server && !t.usePrivateIp));
}

function beginUnassign(cloud: Cloud, address: PrimaryIpRecord): ActionRecord {
  if (address.assignee === null) throw refused("primary_ip_not_assigned", `primary ip ${address.id} is not assigned`);
  const server = find(cloud.servers, "server", address.assignee);
  assertStopped(cloud, server);
  if (address.type === "ipv4" && isPublicTarget(cloud, server.id)) {
    throw refused("server_is_load_balancer_target", "the server's IPv4 address is a load balancer target");
  }
  const resources = [
    { id: address.id, type: "primary_ip" },
    { id: server.id, type: "server" },
  ];
  return cloud.actions.begin({
    command: "unassign_primary_ip",
    resources,
    locks: resources,
    job: unassignIp.call({ address: address.id, server: server.id }),
  });
}

function create(
  cloud: Cloud,
  body: z.output<typeof createSchema>,
): { address: PrimaryIpRecord; action: ActionRecord | null } {
  assertUniqueName(cloud.primaryIps, "primary_ip", body.name);
  const server = body.assignee_id == null ? undefined : find(cloud.servers, "server", body.assignee_id);
  const location = body.location ?? server?.location;
  if (location === undefined || location === "") {
    throw invalidField("location", "Give either a location or an assignee_id.");
  }
  const address = newPrimaryIp(cloud, {
    name: body.name,
    type: body.type,
    location: cloud.catalogue.location(location).name,
    assignee: null,
    autoDelete: body.auto_delete ?? false,
    labels: body.labels ?? {},
  });
  return { address, action: server === undefined ? null : beginAssign(cloud, address, server) };
}

export function primaryIpRoutes(cloud: Cloud): Hono {
  const { primaryIps } = cloud;
  const view = (address: PrimaryIpRecord): object => primaryIpView(cloud, address);
  const kind: Kind<PrimaryIpRecord> = {
    type: "primary_ip",
    key: "primary_ips",
    collection: primaryIps,
    view,
    labelled: true,
    sorts: namedSorts,
    filters: { ip: (address, values) => values.includes(address.ip) },
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const { address, action } = cloud.change(() => create(cloud, body));
    return context.json({ primary_ip: view(address), action: action === null ? null : actionView(cloud, action) }, 201);
  });
  app.put("/:id", async (context) => {
    const body = await readBody(
      context,
      cloud.local.observer,
      updateSchema.extend({ auto_delete: z.boolean().nullish() }),
    );
    const address = cloud.change(() => {
      const next = renamed(primaryIps, kind.type, find(primaryIps, kind.type, pathId(context)), body);
      return primaryIps.put({ ...next, autoDelete: body.auto_delete ?? next.autoDelete });
    });
    return context.json({ primary_ip: view(address) });
  });
  app.delete("/:id", (context) => {
    const address = find(primaryIps, kind.type, pathId(context));
    if (address.protection.delete) throw protectedFrom(kind.type, "deletion");
    if (address.assignee !== null) {
      throw new ApiError(422, "must_be_unassigned", `primary ip ${address.id} must be unassigned before it is deleted`);
    }
    cloud.actions.assertUnlocked({ id: address.id, type: kind.type });
    cloud.change(() => removePrimaryIp(cloud, address.id));
    return context.body(null, 204);
  });
  actionRoute(app, cloud, kind, "assign", assignSchema, (address, body) =>
    beginAssign(cloud, address, find(cloud.servers, "server", body.assignee_id)),
  );
  actionRoute(app, cloud, kind, "unassign", emptyBody, (address) => beginUnassign(cloud, address));
  protectionRoute(app, cloud, kind);
  pointerRoute(app, cloud, kind, (address) => [{ type: "primary_ip", id: address.id, range: address.ip }]);
  return app;
}
