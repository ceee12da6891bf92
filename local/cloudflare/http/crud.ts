/** Endpoints of a plain object: list, create, read, replace, change, delete. */

import { type Context, Hono } from "hono";
import type { z } from "zod";
import type { Collection } from "../../shared/collection.ts";
import { type Cloud, newId } from "../cloud.ts";
import type { Json, JsonObject, Owned } from "../records.ts";
import { answer, answerList } from "./answers.ts";
import { type CloudflareError, missing } from "./errors.ts";
import { pathId, readBody, readQuery } from "./requests.ts";

export type CrudOptions = {
  /** Path with its owner, for example `/zones/:zone/healthchecks`. */
  readonly path: string;
  readonly collection: Collection<Owned>;
  readonly ownerOf: (context: Context) => string;
  readonly schema: z.ZodType<object>;
  readonly patchSchema?: z.ZodType<object>;
  /** Values of fields that a request leaves out. */
  readonly defaults: (body: JsonObject, context: Context) => JsonObject;
  /** Rules beyond the schema. */
  readonly check?: (body: JsonObject, self: Owned | undefined, context: Context) => CloudflareError | undefined;
  /** Refusal of a deletion. */
  readonly held?: (found: Owned) => CloudflareError | undefined;
  readonly notFound: { readonly code: number; readonly message: string };
  /** Names of the time stamps where they are not `created_on` and `modified_on`. */
  readonly stamps?: { readonly created: string; readonly modified: string };
  /** Query parameters of the list beside paging. */
  readonly filters?: readonly string[];
};

/** JSON without undefined members. */
const clean = (value: object): JsonObject => JSON.parse(JSON.stringify(value)) as JsonObject;

export const crudRoutes = (cloud: Cloud, options: CrudOptions): Hono => {
  const { path, collection, ownerOf, schema, patchSchema, defaults, check, held, notFound } = options;
  const { created, modified } = options.stamps ?? { created: "created_on", modified: "modified_on" };
  const { observer, store } = cloud.local;
  const app = new Hono();

  const find = (context: Context): Owned => {
    const found = collection.get(pathId(context, "id"));
    if (found === undefined || found.owner !== ownerOf(context)) {
      throw missing(notFound.code, notFound.message);
    }
    return found;
  };

  const save = (context: Context, given: JsonObject, self: Owned | undefined): JsonObject =>
    store.transaction(() => {
      const stamp = cloud.stamp();
      const body: Readonly<Record<string, Json>> = { ...defaults(given, context), ...given };
      const refusal = check?.(body, self, context);
      if (refusal !== undefined) {
        throw refusal;
      }
      const id = self?.id ?? newId();
      const stamped = { id, ...body, [created]: self?.body[created] ?? stamp, [modified]: stamp };
      return collection.put({ id, owner: self?.owner ?? ownerOf(context), body: stamped }).body;
    });

  app.get(path, (context) => {
    const query = readQuery(context, observer, options.filters ?? []);
    const wanted = [...query].filter(([key]) => options.filters?.includes(key));
    const found = collection
      .where("owner", ownerOf(context))
      .filter(({ body }) => wanted.every(([key, value]) => String(body[key]) === value));
    return answerList(
      context,
      query,
      found.map(({ body }) => body),
    );
  });
  app.post(path, async (context) => {
    ownerOf(context);
    return answer(context, save(context, clean(await readBody(context, observer, schema)), undefined));
  });
  app.get(`${path}/:id`, (context) => answer(context, find(context).body));
  app.put(`${path}/:id`, async (context) => {
    const self = find(context);
    return answer(context, save(context, clean(await readBody(context, observer, schema)), self));
  });
  if (patchSchema !== undefined) {
    app.patch(`${path}/:id`, async (context) => {
      const self = find(context);
      const { id: _id, ...before } = self.body;
      const change = clean(await readBody(context, observer, patchSchema));
      return answer(context, save(context, { ...before, ...change }, self));
    });
  }
  app.delete(`${path}/:id`, (context) => {
    const found = find(context);
    const refusal = held?.(found);
    if (refusal !== undefined) {
      throw refusal;
    }
    collection.delete(found.id);
    return answer(context, { id: found.id });
  });
  return app;
};
