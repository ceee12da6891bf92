/** What every resource's routes share: reads, look-ups, and actions with their 201. */
import type { Context } from "hono";
import { Hono } from "hono";
import type { z } from "zod";
import type { Collection } from "../../shared/collection.ts";
import type { ActionRecord } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import type { LimitName } from "../engine/settings.ts";
import type { DnsPointers, Named } from "../records.ts";
import { limitExceeded, notFound, notUnique } from "./errors.ts";
import { type Listable, type ListOptions, list } from "./listing.ts";
import { pathId, readBody } from "./validate.ts";

export type Kind<T extends Listable> = {
  /** Singular, as in action resources and answers: `server`. */
  readonly type: string;
  readonly collection: Collection<T>;
  readonly view: (record: T) => object;
} & Omit<ListOptions<T>, "items" | "view">;

export function actionView(cloud: Cloud, action: ActionRecord): object {
  const share = (cloud.clock.now() - action.startedAt) / Math.max(1, action.delay);
  return {
    id: action.id,
    command: action.command,
    status: action.status,
    progress: action.status === "running" ? Math.max(0, Math.min(99, Math.floor(share * 100))) : 100,
    started: action.started,
    finished: action.finished,
    resources: action.resources,
    error: action.error,
  };
}

export function find<T extends { readonly id: number }>(collection: Collection<T>, type: string, id: number): T {
  const found = collection.get(id);
  if (found === undefined) throw notFound(type, id);
  return found;
}

export function assertUniqueName<T extends Named>(
  collection: Collection<T>,
  type: string,
  name: string,
  except?: number,
): void {
  if (collection.where("name", name).some((other) => other.id !== except)) throw notUnique(type, "name");
}

export function assertLimit(cloud: Cloud, limit: LimitName, present: number): void {
  if (present >= cloud.settings.limits()[limit]) throw limitExceeded(limit);
}

export const namedSorts = {
  id: (record: Named) => record.id,
  name: (record: Named) => record.name,
  created: (record: Named) => record.created,
};

export const actionListOptions = (cloud: Cloud, items: readonly ActionRecord[]): ListOptions<ActionRecord> => ({
  key: "actions",
  items,
  view: (action) => actionView(cloud, action),
  named: false,
  sorts: {
    id: (action) => action.id,
    command: (action) => action.command,
    status: (action) => action.status,
    progress: (action) => (action.status === "running" ? 0 : 100),
    started: (action) => action.startedAt,
    finished: (action) => action.finished ?? "",
  },
  filters: { status: (action, values) => values.includes(action.status) },
});

/** The actions of one resource and of all of its kind. */
export function actionReads<T extends Listable>(app: Hono, cloud: Cloud, kind: Kind<T>): void {
  const visible = (id?: number): ActionRecord[] =>
    cloud.actions.records
      .all()
      .filter(
        (action) =>
          !action.hidden &&
          action.resources.some((resource) => resource.type === kind.type && (id === undefined || resource.id === id)),
      );
  const one = (context: Context, candidates: readonly ActionRecord[]): Response => {
    const id = pathId(context, "action");
    const action = candidates.find((candidate) => candidate.id === id);
    if (action === undefined) throw notFound("action", id);
    return context.json({ action: actionView(cloud, action) });
  };
  const { observer } = cloud.local;
  app.get("/actions", (context) => list(context, observer, actionListOptions(cloud, visible())));
  app.get("/actions/:action", (context) => one(context, visible()));
  // A deleted resource keeps its actions readable: clients wait for the delete action.
  app.get("/:id/actions", (context) => list(context, observer, actionListOptions(cloud, visible(pathId(context)))));
  app.get("/:id/actions/:action", (context) => one(context, visible(pathId(context))));
}

/** List, get and, unless the kind has none, the actions of a resource. */
export function readRoutes<T extends Listable>(cloud: Cloud, kind: Kind<T>, withActions = true): Hono {
  const app = new Hono();
  const { type, collection, view, ...options } = kind;
  if (withActions) actionReads(app, cloud, kind);
  app.get("/", (context) => list(context, cloud.local.observer, { ...options, view, items: collection.all() }));
  app.get("/:id", (context) => context.json({ [type]: view(find(collection, type, pathId(context))) }));
  return app;
}

/** `POST /:id/actions/<name>`; the handler runs inside one change and returns the action or the answer around it. */
export function actionRoute<T extends Listable, B>(
  app: Hono,
  cloud: Cloud,
  kind: Kind<T>,
  name: string,
  schema: z.ZodType<B>,
  handler: (record: T, body: B) => ActionRecord | { readonly action: ActionRecord; readonly extra: () => object },
): void {
  app.post(`/:id/actions/${name}`, async (context) => {
    const id = pathId(context);
    const body = await readBody(context, cloud.local.observer, schema);
    const result = cloud.change(() => handler(find(kind.collection, kind.type, id), body));
    const { action, extra } = "action" in result ? result : { action: result, extra: () => ({}) };
    return context.json({ action: actionView(cloud, action), ...extra() }, 201);
  });
}

type Renamable = { readonly name?: string | null | undefined; readonly labels?: Named["labels"] | null | undefined };

/** The record with the name and labels of an update; checks that the name is free. */
export function renamed<T extends Named>(collection: Collection<T>, type: string, record: T, change: Renamable): T {
  const name = change.name ?? record.name;
  assertUniqueName(collection, type, name, record.id);
  return { ...record, name, labels: change.labels ?? record.labels };
}

/** `dns_ptr` as IPv6 shows it: only addresses that have one. */
export const pointerList = (pointers: DnsPointers): readonly object[] =>
  Object.entries(pointers).map(([ip, dns_ptr]) => ({ ip, dns_ptr }));
