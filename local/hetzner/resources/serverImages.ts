/** Snapshots and backups of a server. */
import type { Hono } from "hono";
import { z } from "zod";
import { backupSlots, snapshotPerGbMonth } from "../catalogue/products.ts";
import { type AnyJob, defineJob } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { refused } from "../http/errors.ts";
import { actionRoute, assertLimit, type Kind } from "../http/routes.ts";
import { emptyBody, labelsSchema } from "../http/validate.ts";
import type { ImageRecord, ServerRecord } from "../records.ts";
import { forgetImage, imageById, ownImageView } from "./images.ts";
import { backupBilling, editServer, settled } from "./serverJobs.ts";
import { beginOnServer } from "./serverPower.ts";

/** Snapshots are billed by their compressed size; without a disk to look at, every one counts as this many GB. */
const imageSizeGb = 1;

const takeImage = defineJob<{ readonly server: number; readonly image: number }>("server.create_image", {
  run: async (cloud, { server, image }) => {
    await cloud.driver.snapshot(server, image);
    for (const old of surplusBackups(cloud, server)) await cloud.driver.deleteSnapshot(old);
  },
  apply: (cloud, { server, image: id }) => {
    const image = cloud.images.get(id);
    if (image === undefined) return;
    cloud.images.put({ ...image, status: "available", imageSize: imageSizeGb });
    for (const old of surplusBackups(cloud, server)) forgetImage(cloud, old);
    // Backups are paid with the server (20 % of its price), not by size.
    if (image.type === "backup") return;
    cloud.billing.open({
      resource: "image",
      resourceId: id,
      name: image.description,
      product: "snapshot_gb",
      location: cloud.servers.get(server)?.location ?? "",
      quantity: imageSizeGb,
      month: snapshotPerGbMonth,
      hour: null,
    });
  },
  failed: (cloud, { image }) => forgetImage(cloud, image),
});

export const serverImageJobs: readonly AnyJob[] = [takeImage];

/** A server keeps seven backups; a further one pushes out the oldest. */
function surplusBackups(cloud: Cloud, server: number): readonly number[] {
  const backups = cloud.images.where("boundTo", server).map((image) => image.id);
  return backups.sort((a, b) => a - b).slice(0, Math.max(0, backups.length - backupSlots));
}

const imageSchema = z.strictObject({
  type: z.enum(["snapshot", "backup"]).nullish(),
  description: z.string().nullish(),
  labels: labelsSchema.nullish(),
});

function newImage(cloud: Cloud, server: ServerRecord, body: z.output<typeof imageSchema>): ImageRecord {
  const type = body.type ?? "snapshot";
  if (type === "backup" && server.backupWindow === null) {
    throw refused("service_error", `backups are not enabled for server ${server.id}`);
  }
  if (type === "snapshot")
    assertLimit(cloud, "snapshots", cloud.images.all().filter((i) => i.type === "snapshot").length);
  const source = server.image === null ? undefined : imageById(cloud, server.image);
  return cloud.images.put({
    id: cloud.store.nextId("image", 320_000_001),
    type,
    status: "creating",
    description: body.description ?? `${server.name} ${cloud.clock.stamp()}`,
    labels: body.labels ?? {},
    created: cloud.clock.stamp(),
    createdFrom: { id: server.id, name: server.name },
    boundTo: type === "backup" ? server.id : null,
    imageSize: null,
    diskSize: server.primaryDiskSize,
    osFlavor: source?.image.osFlavor ?? "unknown",
    osVersion: source?.image.osVersion ?? null,
    architecture: cloud.catalogue.serverType(server.serverType).architecture,
    protection: { delete: false },
  });
}

/** Two-hour windows of UTC; the provider picks one. */
const backupWindow = "22-02";

export function serverImageRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  actionRoute(app, cloud, kind, "create_image", imageSchema, (server, body) => {
    const self = { id: server.id, type: kind.type };
    cloud.actions.assertUnlocked(self);
    const image = newImage(cloud, server, body);
    const action = cloud.actions.begin({
      command: "create_image",
      resources: [self, { id: image.id, type: "image" }],
      locks: [self, { id: image.id, type: "image" }],
      job: takeImage.call({ server: server.id, image: image.id }),
    });
    return { action, extra: () => ({ image: ownImageView(image) }) };
  });
  const nothing = (server: ServerRecord) => settled.call({ server: server.id });
  actionRoute(app, cloud, kind, "enable_backup", z.strictObject({ backup_window: z.string().nullish() }), (server) => {
    const action = beginOnServer(cloud, server, "enable_backup", nothing(server));
    if (server.backupWindow === null) {
      editServer(cloud, server.id, { backupWindow });
      cloud.billing.open(backupBilling(cloud, server));
    }
    return action;
  });
  actionRoute(app, cloud, kind, "disable_backup", emptyBody, (server) => {
    const action = beginOnServer(cloud, server, "disable_backup", dropBackups.call({ server: server.id }));
    editServer(cloud, server.id, { backupWindow: null });
    cloud.billing.close("server_backup", server.id);
    return action;
  });
}

/** Switching backups off deletes those there are. */
const dropBackups = defineJob<{ readonly server: number }>("server.drop_backups", {
  run: async (cloud, { server }) => {
    for (const image of cloud.images.where("boundTo", server)) await cloud.driver.deleteSnapshot(image.id);
  },
  apply: (cloud, { server }) => {
    for (const image of cloud.images.where("boundTo", server)) forgetImage(cloud, image.id);
  },
});

export const backupJobs: readonly AnyJob[] = [dropBackups];
