/** Rulesets of a zone: one entry point per phase, which holds the rules. */

import { Hono } from "hono";
import { z } from "zod";
import { type Cloud, newId, zoneOf } from "../cloud.ts";
import { answer, answerList } from "../http/answers.ts";
import { CloudflareError, missing } from "../http/errors.ts";
import { pathId, readBody, readQuery } from "../http/requests.ts";
import type { JsonObject, Owned, Zone } from "../records.ts";
import { limitFaults } from "./planLimits.ts";
import { type RuleInput, ruleFaults, ruleSchema, updatedRules } from "./rules.ts";

const description = z.string().max(1000).optional();
const rules = z.array(ruleSchema).optional();

const createSchema = z.strictObject({
  name: z.string().min(1),
  description,
  kind: z.enum(["zone", "root", "custom", "managed"]),
  phase: z.string(),
  rules,
});
/** `kind` and `phase` may be repeated in an update but not changed. */
const updateSchema = z.strictObject({
  name: z.string().min(1).optional(),
  description,
  kind: z.string().optional(),
  phase: z.string().optional(),
  rules,
});
/** The entry-point endpoint knows only these (it answers "unknown field kind" to others). */
const entryPointSchema = z.strictObject({ name: z.string().optional(), description, rules });

type Update = z.output<typeof updateSchema>;

const check = (zone: Zone, phase: string, given: readonly RuleInput[]): void => {
  const faults = ruleFaults(phase, given);
  const all = faults.length > 0 ? faults : limitFaults(zone.plan, phase, given);
  if (all.length > 0) {
    throw new CloudflareError(400, ...all);
  }
};

const entryPoint = (cloud: Cloud, zone: Zone, phase: string): Owned | undefined =>
  cloud.data.rulesets.where("owner", zone.id).find(({ body }) => body.phase === phase && body.kind === "zone");

const find = (cloud: Cloud, zone: Zone, id: string): Owned => {
  const ruleset = cloud.data.rulesets.get(id);
  if (ruleset === undefined || ruleset.owner !== zone.id) {
    throw missing(10_014, `could not find ruleset ${id}`);
  }
  return ruleset;
};

const create = (cloud: Cloud, zone: Zone, input: z.output<typeof createSchema>): JsonObject =>
  cloud.local.store.transaction(() => {
    const { name, kind, phase } = input;
    if (kind !== "zone") {
      throw new CloudflareError(400, {
        code: 20_217,
        message: `'${kind}' is not a valid value for kind in a zone`,
        source: { pointer: "/kind" },
      });
    }
    check(zone, phase, input.rules ?? []);
    if (entryPoint(cloud, zone, phase) !== undefined) {
      throw new CloudflareError(400, {
        code: 20_217,
        message: `'zone' is not a valid value for kind because exceeded maximum number of zone rulesets for phase ${phase}`,
        source: { pointer: "/kind" },
      });
    }
    const id = newId();
    const stamp = cloud.stamp();
    const body: JsonObject = {
      id,
      name,
      description: input.description ?? "",
      source: "firewall_custom",
      kind,
      version: "1",
      rules: updatedRules(input.rules ?? [], [], stamp),
      last_updated: stamp,
      phase,
    };
    return cloud.data.rulesets.put({ id, owner: zone.id, body }).body;
  });

const rulesOf = ({ body }: Owned): readonly JsonObject[] => (body.rules ?? []) as readonly JsonObject[];

const update = (cloud: Cloud, zone: Zone, ruleset: Owned, input: Update): JsonObject =>
  cloud.local.store.transaction(() => {
    const changed = (["kind", "phase"] as const).filter(
      (key) => input[key] !== undefined && input[key] !== ruleset.body[key],
    );
    if (changed.length > 0) {
      throw new CloudflareError(
        400,
        ...changed.map((key) => ({
          code: 20_223,
          message: `${key} of a ruleset cannot be changed`,
          source: { pointer: `/${key}` },
        })),
      );
    }
    const given = input.rules ?? [];
    check(zone, String(ruleset.body.phase), given);
    const stamp = cloud.stamp();
    const body: JsonObject = {
      ...ruleset.body,
      name: input.name ?? ruleset.body.name ?? "",
      description: input.description ?? ruleset.body.description ?? "",
      version: String(Number(ruleset.body.version) + 1),
      rules: updatedRules(given, rulesOf(ruleset), stamp),
      last_updated: stamp,
    };
    return cloud.data.rulesets.put({ ...ruleset, body }).body;
  });

const summary = ({ body: { rules: _, ...rest } }: Owned): JsonObject => rest;

const ENTRY = "/zones/:zone/rulesets/phases/:phase/entrypoint";

const entryPointRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  app.get(ENTRY, (context) => {
    const phase = context.req.param("phase");
    const ruleset = entryPoint(cloud, zoneOf(cloud, context), phase);
    if (ruleset === undefined) {
      throw missing(10_003, `could not find entrypoint ruleset in the ${phase} phase`);
    }
    return answer(context, ruleset.body);
  });
  app.put(ENTRY, async (context) => {
    const zone = zoneOf(cloud, context);
    const phase = context.req.param("phase");
    const input = await readBody(context, cloud.local.observer, entryPointSchema);
    const ruleset = entryPoint(cloud, zone, phase);
    return answer(
      context,
      ruleset === undefined
        ? create(cloud, zone, { ...input, name: input.name ?? "default", kind: "zone", phase })
        : update(cloud, zone, ruleset, input),
    );
  });
  return app;
};

export const rulesetRoutes = (cloud: Cloud): Hono => {
  const app = new Hono();
  const { observer } = cloud.local;
  app.route("/", entryPointRoutes(cloud));
  app.get("/zones/:zone/rulesets", (context) => {
    const query = readQuery(context, observer, ["cursor"]);
    return answerList(context, query, cloud.data.rulesets.where("owner", zoneOf(cloud, context).id).map(summary));
  });
  app.post("/zones/:zone/rulesets", async (context) => {
    const zone = zoneOf(cloud, context);
    return answer(context, create(cloud, zone, await readBody(context, observer, createSchema)));
  });
  app.get("/zones/:zone/rulesets/:id", (context) =>
    answer(context, find(cloud, zoneOf(cloud, context), pathId(context, "id")).body),
  );
  app.put("/zones/:zone/rulesets/:id", async (context) => {
    const zone = zoneOf(cloud, context);
    const ruleset = find(cloud, zone, pathId(context, "id"));
    return answer(context, update(cloud, zone, ruleset, await readBody(context, observer, updateSchema)));
  });
  app.delete("/zones/:zone/rulesets/:id", (context) => {
    cloud.data.rulesets.delete(find(cloud, zoneOf(cloud, context), pathId(context, "id")).id);
    return context.body(null, 204);
  });
  return app;
};
