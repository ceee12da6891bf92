import { Hono } from "hono";
import { z } from "zod";
import { type SystemImage, systemImages } from "../catalogue/images.ts";
import { type AnyJob, defineJob } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, notFound, protectedFrom, refused } from "../http/errors.ts";
import { list } from "../http/listing.ts";
import { actionReads, find, type Kind } from "../http/routes.ts";
import { labelsSchema, pathId, readBody } from "../http/validate.ts";
import type { ImageRecord } from "../records.ts";
import { protectionRoute } from "./commonActions.ts";

export const systemImageView = (image: SystemImage): object => ({
  id: image.id,
  type: "system",
  status: "available",
  name: image.name,
  description: image.description,
  image_size: null,
  disk_size: 5,
  created: image.created,
  created_from: null,
  bound_to: null,
  os_flavor: image.osFlavor,
  os_version: image.osVersion,
  architecture: image.architecture,
  rapid_deploy: true,
  protection: { delete: false },
  deprecated: null,
  deprecation: null,
  deleted: null,
  labels: {},
});

export const ownImageView = (image: ImageRecord): object => ({
  id: image.id,
  type: image.type,
  status: image.status,
  name: null,
  description: image.description,
  image_size: image.imageSize,
  disk_size: image.diskSize,
  created: image.created,
  created_from: image.createdFrom,
  bound_to: image.boundTo,
  os_flavor: image.osFlavor,
  os_version: image.osVersion,
  architecture: image.architecture,
  rapid_deploy: false,
  protection: image.protection,
  deprecated: null,
  deprecation: null,
  deleted: null,
  labels: image.labels,
});

export type AnyImage =
  | { readonly source: "system"; readonly image: SystemImage }
  | { readonly source: "own"; readonly image: ImageRecord };

export function imageById(cloud: Cloud, id: number): AnyImage | undefined {
  const system = systemImages.find((image) => image.id === id);
  if (system !== undefined) return { source: "system", image: system };
  const own = cloud.images.get(id);
  return own === undefined ? undefined : { source: "own", image: own };
}

export const imageView = (any: AnyImage): object =>
  any.source === "system" ? systemImageView(any.image) : ownImageView(any.image);

/** A name stands for the variant that fits the architecture; an id must fit it. */
export function resolveImage(cloud: Cloud, wanted: number | string, architecture: string): AnyImage {
  const id = typeof wanted === "number" ? wanted : /^\d+$/.test(wanted) ? Number(wanted) : undefined;
  if (id === undefined) {
    const named = systemImages.find((image) => image.name === wanted && image.architecture === architecture);
    if (named === undefined)
      throw invalidField("image", `image '${wanted}' not found for architecture ${architecture}`);
    return { source: "system", image: named };
  }
  const found = imageById(cloud, id);
  if (found === undefined) throw invalidField("image", `image with ID '${id}' not found`);
  if (found.image.architecture !== architecture) {
    throw invalidField("image", `image ${id} is for ${found.image.architecture}, the server type for ${architecture}`);
  }
  if (found.source === "own" && found.image.status !== "available") {
    throw refused("service_error", `image ${id} is still being created`);
  }
  return found;
}

const removeImage = defineJob<{ readonly image: number }>("image.delete", {
  run: (cloud, { image }) => cloud.driver.deleteSnapshot(image),
  apply: (cloud, { image }) => forgetImage(cloud, image),
});

export const imageJobs: readonly AnyJob[] = [removeImage];

/** Takes the record away; servers made from it go on without an image. */
export function forgetImage(cloud: Cloud, id: number): void {
  cloud.images.delete(id);
  cloud.billing.close("image", id);
  for (const server of cloud.servers.all()) if (server.image === id) cloud.servers.put({ ...server, image: null });
}

type Row = {
  readonly id: number;
  readonly name: string | null;
  readonly labels: ImageRecord["labels"];
  readonly any: AnyImage;
};

function rows(cloud: Cloud): readonly Row[] {
  return [
    ...systemImages.map(
      (image): Row => ({ id: image.id, name: image.name, labels: {}, any: { source: "system", image } }),
    ),
    ...cloud.images
      .all()
      .map((image): Row => ({ id: image.id, name: null, labels: image.labels, any: { source: "own", image } })),
  ];
}

const typeOf = ({ any }: Row): string => (any.source === "system" ? "system" : any.image.type);
const statusOf = ({ any }: Row): string => (any.source === "system" ? "available" : any.image.status);

const updateBody = z.strictObject({
  description: z.string().nullish(),
  type: z.enum(["snapshot"]).nullish(),
  labels: labelsSchema.nullish(),
});

export function imageRoutes(cloud: Cloud): Hono {
  const { images } = cloud;
  const kind: Kind<ImageRecord> = { type: "image", key: "images", collection: images, view: ownImageView };
  const app = new Hono();
  actionReads(app, cloud, kind);
  app.get("/", (context) =>
    list(context, cloud.local.observer, {
      key: "images",
      items: rows(cloud),
      view: (row) => imageView(row.any),
      labelled: true,
      sorts: {
        id: (row) => row.id,
        name: (row) => row.name ?? "",
        created: (row) => row.any.image.created,
      },
      filters: {
        type: (row, values) => values.includes(typeOf(row)),
        status: (row, values) => values.includes(statusOf(row)),
        architecture: (row, values) => values.includes(row.any.image.architecture),
        bound_to: (row, values) => row.any.source === "own" && values.includes(String(row.any.image.boundTo)),
        include_deprecated: () => true,
      },
    }),
  );
  app.get("/:id", (context) => {
    const id = pathId(context);
    const found = imageById(cloud, id);
    if (found === undefined) throw notFound(kind.type, id);
    return context.json({ image: imageView(found) });
  });
  changeRoutes(app, cloud, kind);
  return app;
}

function changeRoutes(app: Hono, cloud: Cloud, kind: Kind<ImageRecord>): void {
  const { images } = cloud;
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateBody);
    const image = cloud.change(() => {
      const old = find(images, kind.type, pathId(context));
      return images.put({
        ...old,
        description: body.description ?? old.description,
        labels: body.labels ?? old.labels,
        // A backup made a snapshot no longer dies with its server.
        ...(body.type === "snapshot" ? { type: "snapshot" as const, boundTo: null } : {}),
      });
    });
    return context.json({ image: ownImageView(image) });
  });
  app.delete("/:id", async (context) => {
    const removal = cloud.change(() => {
      const image = find(images, kind.type, pathId(context));
      if (image.protection.delete) throw protectedFrom(kind.type, "deletion");
      const self = { id: image.id, type: kind.type };
      cloud.actions.assertUnlocked(self);
      const job = removeImage.call({ image: image.id });
      return cloud.actions.begin({ command: "delete_image", resources: [self], locks: [self], hidden: true, job });
    });
    await cloud.actions.finishedOrThrow(removal.id);
    return context.body(null, 204);
  });
  protectionRoute(app, cloud, kind);
}
