import type { Hono } from "hono";
import { z } from "zod";
import type { ActionRecord } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, limitExceeded, protectedFrom, refused } from "../http/errors.ts";
import {
  actionRoute,
  actionView,
  assertLimit,
  assertUniqueName,
  find,
  type Kind,
  namedSorts,
  readRoutes,
  renamed,
} from "../http/routes.ts";
import { emptyBody, idOrNameSchema, idSchema, labelsSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { ServerRecord, VolumeRecord } from "../records.ts";
import { protectionRoute } from "./commonActions.ts";
import { attachVolume, detachVolume, makeVolume, removeVolume, resizeVolume, volumeBilling } from "./volumeJobs.ts";

const sizeSchema = z.int().min(10, "Must be at least 10.").max(10_240, "Must be at most 10240.");
const createSchema = z.strictObject({
  name: z.string().min(1).max(64),
  size: sizeSchema,
  location: idOrNameSchema.nullish(),
  server: idSchema.nullish(),
  automount: z.boolean().nullish(),
  format: z.enum(["ext4", "xfs"]).nullish(),
  labels: labelsSchema.nullish(),
});

const volumesPerServer = 16;

export const volumeView = (cloud: Cloud, volume: VolumeRecord): object => ({
  id: volume.id,
  name: volume.name,
  size: volume.size,
  server: volume.server,
  location: cloud.catalogue.location(volume.location),
  status: volume.status,
  format: volume.format,
  linux_device: `/dev/disk/by-id/scsi-0HC_Volume_${volume.id}`,
  protection: volume.protection,
  labels: volume.labels,
  created: volume.created,
});

/** Volumes of a server, those on their way to it included. */
function volumesTowards(cloud: Cloud, server: number): number {
  const attaching = cloud.actions
    .runningOn({ id: server, type: "server" })
    .filter((id) => cloud.actions.records.get(id)?.command === "attach_volume").length;
  return cloud.volumes.where("server", server).length + attaching;
}

export function assertAttachable(cloud: Cloud, volume: VolumeRecord, location: string): void {
  cloud.actions.assertUnlocked({ id: volume.id, type: "volume" });
  if (volume.server !== null) {
    throw refused(
      "volume_already_attached",
      `volume ${volume.id} is attached to server ${volume.server}, detach first`,
    );
  }
  if (volume.location !== location) {
    throw invalidField("server", `volume is in ${volume.location}, server in ${location}.`);
  }
}

export type AttachOptions = { readonly automount: boolean; readonly after?: readonly ActionRecord[] };

export function beginAttach(cloud: Cloud, volume: VolumeRecord, server: number, options: AttachOptions): ActionRecord {
  if (volumesTowards(cloud, server) >= volumesPerServer) throw limitExceeded("volumes_per_server");
  const resources = [
    { id: server, type: "server" },
    { id: volume.id, type: "volume" },
  ];
  return cloud.actions.begin({
    command: "attach_volume",
    resources,
    locks: resources,
    after: options.after ?? [],
    job: attachVolume.call({ volume: volume.id, server, automount: options.automount }),
  });
}

type Created = { readonly volume: VolumeRecord; readonly action: ActionRecord; readonly next: readonly ActionRecord[] };

function locationOf(cloud: Cloud, body: z.output<typeof createSchema>, server: ServerRecord | undefined): string {
  if (body.location == null && server === undefined)
    throw invalidField("location", "Give either a location or a server.");
  if (body.location != null && server !== undefined) {
    throw invalidField("location", "Give a location or a server, not both.");
  }
  return server?.location ?? cloud.catalogue.location(String(body.location)).name;
}

function create(cloud: Cloud, body: z.output<typeof createSchema>): Created {
  assertUniqueName(cloud.volumes, "volume", body.name);
  assertLimit(cloud, "volumes", cloud.volumes.size);
  const server = body.server == null ? undefined : find(cloud.servers, "server", body.server);
  if (server !== undefined) cloud.actions.assertUnlocked({ id: server.id, type: "server" });
  if (body.automount === true && (server === undefined || body.format == null)) {
    throw invalidField("automount", "Needs a server and a format.");
  }
  const volume = cloud.volumes.put({
    id: cloud.store.nextId("volume", 101_000_001),
    name: body.name,
    labels: body.labels ?? {},
    created: cloud.clock.stamp(),
    size: body.size,
    location: locationOf(cloud, body, server),
    server: null,
    format: body.format ?? null,
    status: "creating",
    protection: { delete: false },
  });
  cloud.billing.open(volumeBilling(volume));
  const self = { id: volume.id, type: "volume" };
  const action = cloud.actions.begin({
    command: "create_volume",
    resources: [self],
    locks: [self],
    job: makeVolume.call({ volume: volume.id }),
  });
  const options = { automount: body.automount ?? false, after: [action] };
  return { volume, action, next: server === undefined ? [] : [beginAttach(cloud, volume, server.id, options)] };
}

export function volumeRoutes(cloud: Cloud): Hono {
  const { volumes } = cloud;
  const view = (volume: VolumeRecord): object => volumeView(cloud, volume);
  const kind: Kind<VolumeRecord> = {
    type: "volume",
    key: "volumes",
    collection: volumes,
    view,
    labelled: true,
    sorts: namedSorts,
    filters: { status: (volume, values) => values.includes(volume.status) },
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const { volume, action, next } = cloud.change(() => create(cloud, body));
    const next_actions = next.map((follower) => actionView(cloud, follower));
    return context.json({ volume: view(volume), action: actionView(cloud, action), next_actions }, 201);
  });
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateSchema);
    const volume = cloud.change(() =>
      volumes.put(renamed(volumes, kind.type, find(volumes, kind.type, pathId(context)), body)),
    );
    return context.json({ volume: view(volume) });
  });
  app.delete("/:id", async (context) => {
    const removal = cloud.change(() => {
      const volume = find(volumes, kind.type, pathId(context));
      if (volume.protection.delete) throw protectedFrom(kind.type, "deletion");
      if (volume.server !== null) {
        throw refused(
          "volume_already_attached",
          `volume ${volume.id} is attached to server ${volume.server}, detach first`,
        );
      }
      const self = { id: volume.id, type: kind.type };
      cloud.actions.assertUnlocked(self);
      const job = removeVolume.call({ volume: volume.id });
      return cloud.actions.begin({ command: "delete_volume", resources: [self], locks: [self], hidden: true, job });
    });
    await cloud.actions.finishedOrThrow(removal.id);
    return context.body(null, 204);
  });
  volumeActionRoutes(app, cloud, kind);
  return app;
}

function volumeActionRoutes(app: Hono, cloud: Cloud, kind: Kind<VolumeRecord>): void {
  const attachSchema = z.strictObject({ server: idSchema, automount: z.boolean().nullish() });
  actionRoute(app, cloud, kind, "attach", attachSchema, (volume, body) => {
    const server = find(cloud.servers, "server", body.server);
    cloud.actions.assertUnlocked({ id: server.id, type: "server" });
    assertAttachable(cloud, volume, server.location);
    return beginAttach(cloud, volume, server.id, { automount: body.automount ?? false });
  });
  actionRoute(app, cloud, kind, "detach", emptyBody, (volume) => {
    const self = { id: volume.id, type: kind.type };
    cloud.actions.assertUnlocked(self);
    if (volume.server === null) throw refused("volume_not_attached", `volume ${volume.id} is not attached to a server`);
    const resources = [{ id: volume.server, type: "server" }, self];
    for (const resource of resources) cloud.actions.assertUnlocked(resource);
    const job = detachVolume.call({ volume: volume.id });
    return cloud.actions.begin({ command: "detach_volume", resources, locks: resources, job });
  });
  actionRoute(app, cloud, kind, "resize", z.strictObject({ size: sizeSchema }), (volume, body) => {
    const self = { id: volume.id, type: kind.type };
    cloud.actions.assertUnlocked(self);
    if (body.size <= volume.size) throw invalidField("size", `Must be greater than the current size ${volume.size}.`);
    const job = resizeVolume.call({ volume: volume.id, size: body.size });
    return cloud.actions.begin({ command: "resize_volume", resources: [self], locks: [self], job });
  });
  protectionRoute(app, cloud, kind);
}
