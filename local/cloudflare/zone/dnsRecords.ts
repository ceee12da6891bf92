/** DNS records of a zone. */

import { Hono } from "hono";
import { z } from "zod";
import { type Cloud, newId, zoneOf } from "../cloud.ts";
import { answer, answerList } from "../http/answers.ts";
import { CloudflareError, missing, refused } from "../http/errors.ts";
import { pathId, type Query, readBody, readQuery } from "../http/requests.ts";
import type { Json, JsonObject, Owned, Zone } from "../records.ts";
import {
  type Candidate,
  contentOf,
  DNS_TYPES,
  fullName,
  isProxiable,
  neighbourFaults,
  recordFaults,
} from "./dnsContent.ts";

/** Most records of a zone (Free zones made since September 2024; paid plans): CFD dns/manage-dns-records. */
const QUOTA = { free: 200, pro: 3500, business: 3500 } as const;

const jsonObject = z.record(z.string(), z.json()) as unknown as z.ZodType<JsonObject>;

const fields = {
  name: z.string().min(1),
  type: z.enum(DNS_TYPES),
  content: z.string().optional(),
  ttl: z.number().optional(),
  proxied: z.boolean().optional(),
  priority: z.int().min(0).max(65_535).optional(),
  comment: z.string().max(500).nullish(),
  tags: z.array(z.string()).optional(),
  settings: z
    .strictObject({
      ipv4_only: z.boolean().optional(),
      ipv6_only: z.boolean().optional(),
      flatten_cname: z.boolean().optional(),
    })
    .optional(),
  data: jsonObject.optional(),
  private_routing: z.boolean().optional(),
};

const recordSchema = z.strictObject(fields);
const patchSchema = z.strictObject(fields).partial();
type RecordInput = z.output<typeof recordSchema>;

const candidate = (input: RecordInput, zone: Zone): Candidate => ({
  name: fullName(input.name, zone.name),
  type: input.type,
  content: input.content ?? (input.data === undefined ? undefined : contentOf(input.type, input.data)),
  data: input.data,
  proxied: input.proxied ?? false,
  // The edge answers for a proxied record, so its TTL is always automatic.
  ttl: input.proxied === true ? 1 : (input.ttl ?? 1),
  priority: input.priority,
  tags: input.tags ?? [],
});

const check = (cloud: Cloud, zone: Zone, record: Candidate, self: string | undefined): void => {
  const own = recordFaults(record, zone.plan);
  if (own.length > 0) {
    throw new CloudflareError(400, ...own);
  }
  const others = cloud.data.dnsRecords
    .where("owner", zone.id)
    .filter(({ id, body }) => id !== self && body.name === record.name)
    .map(({ body }) => ({ type: body.type ?? null, content: body.content ?? null }));
  const clashes = neighbourFaults(record, others);
  if (clashes.length > 0) {
    throw new CloudflareError(400, ...clashes);
  }
};

type Stamps = { readonly createdOn: Json; readonly modifiedOn: string };

const bodyOf = (id: string, input: RecordInput, record: Candidate, { createdOn, modifiedOn }: Stamps): JsonObject => ({
  id,
  name: record.name,
  type: record.type,
  content: record.content ?? "",
  proxiable: isProxiable(record),
  proxied: record.proxied,
  ttl: record.ttl,
  settings: { ...(record.type === "CNAME" ? { flatten_cname: false } : {}), ...(input.settings as JsonObject) },
  meta: {},
  comment: input.comment ?? null,
  tags: [...record.tags],
  created_on: createdOn,
  modified_on: modifiedOn,
  ...(record.priority === undefined ? {} : { priority: record.priority }),
  ...(record.data === undefined ? {} : { data: record.data }),
  ...(input.private_routing === undefined ? {} : { private_routing: input.private_routing }),
  ...(input.comment ? { comment_modified_on: modifiedOn } : {}),
  ...(record.tags.length > 0 ? { tags_modified_on: modifiedOn } : {}),
});

const store = (cloud: Cloud, zone: Zone, input: RecordInput, existing: Owned | undefined): JsonObject =>
  cloud.local.store.transaction(() => {
    const record = candidate(input, zone);
    check(cloud, zone, record, existing?.id);
    const stamp = cloud.stamp();
    const id = existing?.id ?? newId();
    const body = bodyOf(id, input, record, { createdOn: existing?.body.created_on ?? stamp, modifiedOn: stamp });
    return cloud.data.dnsRecords.put({ id, owner: zone.id, body }).body;
  });

const FILTERS = ["name", "content", "comment", "tag"];
const OPERATORS = ["exact", "contains", "startswith", "endswith", "absent", "present"];
const ALLOWED = [
  ...FILTERS.flatMap((field) => [field, ...OPERATORS.map((operator) => `${field}.${operator}`)]),
  "type",
  "proxied",
  "search",
  "tag_match",
];

const TESTS: Readonly<Record<string, (value: string, wanted: string) => boolean>> = {
  exact: (value, wanted) => value === wanted,
  contains: (value, wanted) => value.includes(wanted),
  startswith: (value, wanted) => value.startsWith(wanted),
  endswith: (value, wanted) => value.endsWith(wanted),
  absent: (value) => value === "",
  present: (value) => value !== "",
};

const matches = (body: JsonObject, query: Query): boolean => {
  const checks = [...query].flatMap(([key, wanted]): readonly boolean[] => {
    const [field = "", operator = "exact"] = key.split(".");
    if (key === "type" || key === "proxied") {
      return [String(body[key]).toLowerCase() === wanted.toLowerCase()];
    }
    if (key === "search") {
      return [[body.name, body.content, body.comment].some((value) => String(value ?? "").includes(wanted))];
    }
    const value = field === "tag" ? (body.tags as readonly Json[]).map(String).join(",") : String(body[field] ?? "");
    return FILTERS.includes(field) ? [TESTS[operator]?.(value.toLowerCase(), wanted.toLowerCase()) ?? false] : [];
  });
  return query.get("match") === "any" && checks.length > 0 ? checks.some(Boolean) : checks.every(Boolean);
};

const found = (cloud: Cloud, zone: Zone, id: string): Owned => {
  const record = cloud.data.dnsRecords.get(id);
  if (record === undefined || record.owner !== zone.id) {
    throw missing(81_044, "Record does not exist.");
  }
  return record;
};

/** A stored record as the input that would make it again, for `PATCH`. */
const asInput = ({ body }: Owned): RecordInput => {
  const known = Object.keys(fields);
  return recordSchema.parse(Object.fromEntries(Object.entries(body).filter(([key]) => known.includes(key))));
};

export const dnsRecordRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const { observer } = cloud.local;
  app.get("/zones/:zone/dns_records", (context) => {
    const query = readQuery(context, observer, ALLOWED);
    const records = cloud.data.dnsRecords.where("owner", zoneOf(cloud, context).id).map(({ body }) => body);
    return answerList(
      context,
      query,
      records.filter((body) => matches(body, query)),
    );
  });
  app.post("/zones/:zone/dns_records", async (context) => {
    const zone = zoneOf(cloud, context);
    const input = await readBody(context, observer, recordSchema);
    if (cloud.data.dnsRecords.where("owner", zone.id).length >= QUOTA[zone.plan]) {
      throw refused(81_045, "Record quota exceeded.");
    }
    return answer(context, store(cloud, zone, input, undefined));
  });
  app.get("/zones/:zone/dns_records/:id", (context) =>
    answer(context, found(cloud, zoneOf(cloud, context), pathId(context, "id")).body),
  );
  app.put("/zones/:zone/dns_records/:id", async (context) => {
    const zone = zoneOf(cloud, context);
    const record = found(cloud, zone, pathId(context, "id"));
    return answer(context, store(cloud, zone, await readBody(context, observer, recordSchema), record));
  });
  app.patch("/zones/:zone/dns_records/:id", async (context) => {
    const zone = zoneOf(cloud, context);
    const record = found(cloud, zone, pathId(context, "id"));
    const change = await readBody(context, observer, patchSchema);
    return answer(context, store(cloud, zone, { ...asInput(record), ...change } as RecordInput, record));
  });
  app.delete("/zones/:zone/dns_records/:id", (context) => {
    const record = found(cloud, zoneOf(cloud, context), pathId(context, "id"));
    cloud.data.dnsRecords.delete(record.id);
    return answer(context, { id: record.id });
  });
  return app;
};
