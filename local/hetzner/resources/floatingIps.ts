import type { Hono } from "hono";
import { z } from "zod";
import { floatingIpMonth } from "../catalogue/products.ts";
import { nextPublicIpv4, nextPublicIpv6 } from "../engine/addresses.ts";
import { type ActionRecord, type AnyJob, defineJob } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, protectedFrom } from "../http/errors.ts";
import {
  actionRoute,
  actionView,
  assertLimit,
  assertUniqueName,
  find,
  type Kind,
  namedSorts,
  pointerList,
  readRoutes,
  renamed,
} from "../http/routes.ts";
import { emptyBody, idSchema, labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { FloatingIpRecord } from "../records.ts";
import { ipv4Pointer, pointerRoute, protectionRoute } from "./commonActions.ts";
import { isPublicIpTaken } from "./primaryIpRecords.ts";

const createSchema = z.strictObject({
  type: z.enum(["ipv4", "ipv6"]),
  home_location: z.string().nullish(),
  server: idSchema.nullish(),
  description: z.string().nullish(),
  name: nameSchema.nullish(),
  labels: labelsSchema.nullish(),
});

export const floatingIpView = (cloud: Cloud, address: FloatingIpRecord): object => ({
  id: address.id,
  name: address.name,
  description: address.description,
  type: address.type,
  ip: address.ip,
  server: address.server,
  dns_ptr:
    address.type === "ipv4"
      ? [{ ip: address.ip, dns_ptr: ipv4Pointer(address.ip, address.dnsPtr) }]
      : pointerList(address.dnsPtr),
  home_location: cloud.catalogue.location(address.homeLocation),
  blocked: false,
  protection: address.protection,
  labels: address.labels,
  created: address.created,
});

const setServer = defineJob<{ readonly address: number; readonly server: number | null }>("floating_ip.set_server", {
  sync: true,
  apply: (cloud, { address: id, server }) => {
    const address = cloud.floatingIps.get(id);
    if (address !== undefined) cloud.floatingIps.put({ ...address, server });
  },
});

export const floatingIpJobs: readonly AnyJob[] = [setServer];

/** Unlike a primary IP, a floating one moves between running servers. */
function beginMove(cloud: Cloud, address: FloatingIpRecord, server: number | null): ActionRecord {
  const self = { id: address.id, type: "floating_ip" };
  cloud.actions.assertUnlocked(self);
  const other = server ?? address.server;
  return cloud.actions.begin({
    command: server === null ? "unassign_floating_ip" : "assign_floating_ip",
    resources: other === null ? [self] : [self, { id: other, type: "server" }],
    locks: [self],
    job: setServer.call({ address: address.id, server }),
  });
}

function create(
  cloud: Cloud,
  body: z.output<typeof createSchema>,
): { address: FloatingIpRecord; action: ActionRecord | null } {
  const server = body.server == null ? undefined : find(cloud.servers, "server", body.server);
  const wanted = body.home_location ?? server?.location;
  if (wanted === undefined || wanted === "") {
    throw invalidField("home_location", "Give either a home_location or a server.");
  }
  const homeLocation = cloud.catalogue.location(wanted, "home_location").name;
  if (body.name != null) assertUniqueName(cloud.floatingIps, "floating_ip", body.name);
  assertLimit(cloud, "floating_ips", cloud.floatingIps.size);
  const id = cloud.store.nextId("floating_ip", 71_000_001);
  const address = cloud.floatingIps.put({
    id,
    name: body.name ?? `floating-ip-${id}`,
    labels: body.labels ?? {},
    created: cloud.clock.stamp(),
    type: body.type,
    ip:
      body.type === "ipv4"
        ? nextPublicIpv4(cloud.store, (ip) => isPublicIpTaken(cloud, ip))
        : nextPublicIpv6(cloud.store),
    description: body.description ?? "",
    homeLocation,
    server: null,
    protection: { delete: false },
    dnsPtr: {},
  });
  cloud.billing.open({
    resource: "floating_ip",
    resourceId: id,
    name: address.name,
    product: `floating_${body.type}`,
    location: homeLocation,
    quantity: 1,
    month: floatingIpMonth[body.type],
    hour: null,
  });
  return { address, action: server === undefined ? null : beginMove(cloud, address, server.id) };
}

export function floatingIpRoutes(cloud: Cloud): Hono {
  const { floatingIps } = cloud;
  const view = (address: FloatingIpRecord): object => floatingIpView(cloud, address);
  const kind: Kind<FloatingIpRecord> = {
    type: "floating_ip",
    key: "floating_ips",
    collection: floatingIps,
    view,
    labelled: true,
    sorts: namedSorts,
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const { address, action } = cloud.change(() => create(cloud, body));
    return context.json(
      { floating_ip: view(address), action: action === null ? null : actionView(cloud, action) },
      201,
    );
  });
  app.put("/:id", async (context) => {
    const body = await readBody(
      context,
      cloud.local.observer,
      updateSchema.extend({ description: z.string().nullish() }),
    );
    const address = cloud.change(() => {
      const next = renamed(floatingIps, kind.type, find(floatingIps, kind.type, pathId(context)), body);
      return floatingIps.put({ ...next, description: body.description ?? next.description });
    });
    return context.json({ floating_ip: view(address) });
  });
  app.delete("/:id", (context) => {
    const address = find(floatingIps, kind.type, pathId(context));
    if (address.protection.delete) throw protectedFrom(kind.type, "deletion");
    cloud.actions.assertUnlocked({ id: address.id, type: kind.type });
    cloud.change(() => {
      floatingIps.delete(address.id);
      cloud.billing.close("floating_ip", address.id);
    });
    cloud.network.syncSoon();
    return context.body(null, 204);
  });
  actionRoute(app, cloud, kind, "assign", z.strictObject({ server: idSchema }), (address, body) =>
    beginMove(cloud, address, find(cloud.servers, "server", body.server).id),
  );
  actionRoute(app, cloud, kind, "unassign", emptyBody, (address) => beginMove(cloud, address, null));
  protectionRoute(app, cloud, kind);
  pointerRoute(app, cloud, kind, (address) => [{ type: "floating_ip", id: address.id, range: address.ip }]);
  return app;
}
