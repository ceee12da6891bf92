/** R2 buckets of an account. The jurisdiction travels as a header and is part of a bucket's identity. */

import { type Context, Hono } from "hono";
import { z } from "zod";
import { accountOf, type Cloud } from "../cloud.ts";
import { answer } from "../http/answers.ts";
import { CloudflareError, missing, refused } from "../http/errors.ts";
import { readBody, readQuery } from "../http/requests.ts";
import type { JsonObject, Owned } from "../records.ts";

const JURISDICTIONS = ["default", "eu", "fedramp"];
const LOCATIONS = ["apac", "eeur", "enam", "weur", "wnam", "oc"] as const;
const CLASSES = ["Standard", "InfrequentAccess"] as const;

const schema = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "3 to 63 lower-case letters, digits and - are needed"),
  locationHint: z.enum(LOCATIONS).optional(),
  storageClass: z.enum(CLASSES).optional(),
});

const jurisdictionOf = (context: Context): string => {
  const given = context.req.header("cf-r2-jurisdiction") ?? "default";
  if (!JURISDICTIONS.includes(given)) {
    throw refused(10_029, `The specified jurisdiction ${given} is not valid.`);
  }
  return given;
};

export const r2Routes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const path = "/accounts/:account/r2/buckets";
  const idOf = (account: string, jurisdiction: string, name: string): string => `${account}/${jurisdiction}/${name}`;
  const find = (context: Context): Owned => {
    const id = idOf(accountOf(cloud, context).id, jurisdictionOf(context), context.req.param("name") ?? "");
    const found = cloud.data.buckets.get(id);
    if (found === undefined) {
      throw missing(10_006, "The specified bucket does not exist.");
    }
    return found;
  };
  app.get(path, (context) => {
    readQuery(context, cloud.local.observer, ["cursor", "name_contains", "start_after"]);
    const jurisdiction = jurisdictionOf(context);
    const buckets = cloud.data.buckets.where("owner", accountOf(cloud, context).id).map(({ body }) => body);
    return answer(context, { buckets: buckets.filter((body) => body.jurisdiction === jurisdiction) });
  });
  app.post(path, async (context) => {
    const account = accountOf(cloud, context);
    const jurisdiction = jurisdictionOf(context);
    const { name, locationHint, storageClass } = await readBody(context, cloud.local.observer, schema);
    const id = idOf(account.id, jurisdiction, name);
    if (cloud.data.buckets.get(id) !== undefined) {
      throw new CloudflareError(409, {
        code: 10_004,
        message: "The bucket you tried to create already exists, and you own it.",
      });
    }
    const body: JsonObject = {
      name,
      creation_date: cloud.stamp(),
      location: (locationHint ?? "weur").toUpperCase(),
      jurisdiction,
      storage_class: storageClass ?? "Standard",
    };
    return answer(context, cloud.data.buckets.put({ id, owner: account.id, body }).body);
  });
  app.get(`${path}/:name`, (context) => answer(context, find(context).body));
  app.patch(`${path}/:name`, (context) => {
    const found = find(context);
    const wanted = context.req.header("cf-r2-storage-class");
    if (wanted === undefined || !CLASSES.some((name) => name === wanted)) {
      throw refused(10_062, "The storage class specified is not valid.");
    }
    return answer(context, cloud.data.buckets.put({ ...found, body: { ...found.body, storage_class: wanted } }).body);
  });
  app.delete(`${path}/:name`, (context) => {
    cloud.data.buckets.delete(find(context).id);
    return answer(context, {});
  });
  return app;
};
