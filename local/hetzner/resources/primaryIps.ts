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
import { beginAssign, beginUnassign } from "./primaryIpBinding.ts";
import { newPrimaryIp, removePrimaryIp } from "./primaryIpRecords.ts";

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
