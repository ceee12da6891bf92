import type { Hono } from "hono";
import { z } from "zod";
import { type ActionRecord, type AnyJob, defineJob, type JobCall } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { selectedServers } from "../engine/firewalling.ts";
import { refused } from "../http/errors.ts";
import {
  actionView,
  assertLimit,
  assertUniqueName,
  find,
  type Kind,
  namedSorts,
  readRoutes,
  renamed,
} from "../http/routes.ts";
import { labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { FirewallRecord, FirewallTarget } from "../records.ts";
import { ruleRecord, rulesSchema } from "./firewallRules.ts";
import {
  assertFirewallFits,
  assertRemovable,
  matchesInput,
  type TargetInput,
  targetSchema,
  withTargets,
} from "./firewallTargets.ts";

const createSchema = z.strictObject({
  name: nameSchema,
  labels: labelsSchema.nullish(),
  rules: rulesSchema.nullish(),
  apply_to: z.array(targetSchema).nullish(),
});

const serverRef = (id: number): object => ({ type: "server", server: { id } });

const targetView = (target: FirewallTarget): object =>
  target.type === "server"
    ? serverRef(target.server)
    : {
        type: "label_selector",
        label_selector: { selector: target.selector },
        applied_to_resources: target.servers.map(serverRef),
      };

export const firewallView = (firewall: FirewallRecord): object => ({
  id: firewall.id,
  name: firewall.name,
  labels: firewall.labels,
  created: firewall.created,
  rules: firewall.rules,
  applied_to: firewall.appliedTo.map(targetView),
});

type OnFirewall = { readonly firewall: number };

/** Makes pending targets real; the only step at which a selector is first evaluated. */
export function settleTargets(
  cloud: Cloud,
  firewall: FirewallRecord,
  settles: (target: FirewallTarget) => boolean,
): void {
  const appliedTo = firewall.appliedTo.map((target): FirewallTarget => {
    if (!settles(target)) return target;
    if (target.type === "server") return { ...target, status: "applied" };
    return { ...target, status: "applied", servers: selectedServers(cloud, target.selector) };
  });
  cloud.firewalls.put({ ...firewall, appliedTo });
}

const setRules = defineJob<OnFirewall>("firewall.set_rules", { sync: true });
const apply = defineJob<OnFirewall & { readonly target: TargetInput }>("firewall.apply", {
  sync: true,
  apply: (cloud, { firewall: id, target }) => {
    const firewall = cloud.firewalls.get(id);
    if (firewall !== undefined) settleTargets(cloud, firewall, (candidate) => matchesInput(candidate, target));
  },
});
const remove = defineJob<OnFirewall & { readonly target: TargetInput }>("firewall.remove", {
  sync: true,
  apply: (cloud, { firewall: id, target }) => {
    const firewall = cloud.firewalls.get(id);
    if (firewall === undefined) return;
    const appliedTo = firewall.appliedTo.filter((candidate) => !matchesInput(candidate, target));
    cloud.firewalls.put({ ...firewall, appliedTo });
  },
});

export const firewallJobs: readonly AnyJob[] = [setRules, apply, remove];

function begin(cloud: Cloud, firewall: number, command: string, job: JobCall, server?: number): ActionRecord {
  const self = { id: firewall, type: "firewall" };
  return cloud.actions.begin({
    command,
    resources: server === undefined ? [self] : [{ id: server, type: "server" }, self],
    behind: cloud.actions.runningOn(self),
    job,
  });
}

const serverOf = (target: TargetInput): number | undefined => (target.type === "server" ? target.server.id : undefined);

const beginApply = (cloud: Cloud, firewall: number, targets: readonly TargetInput[]): readonly ActionRecord[] =>
  targets.map((target) => begin(cloud, firewall, "apply_firewall", apply.call({ firewall, target }), serverOf(target)));

/** Firewall actions answer with several actions, one per target. */
function firewallAction<B>(
  app: Hono,
  cloud: Cloud,
  name: string,
  schema: z.ZodType<B>,
  handler: (firewall: FirewallRecord, body: B) => readonly ActionRecord[],
): void {
  app.post(`/:id/actions/${name}`, async (context) => {
    const id = pathId(context);
    const body = await readBody(context, cloud.local.observer, schema);
    const actions = cloud.change(() => handler(find(cloud.firewalls, "firewall", id), body));
    return context.json({ actions: actions.map((action) => actionView(cloud, action)) }, 201);
  });
}

function firewallActionRoutes(app: Hono, cloud: Cloud): void {
  firewallAction(app, cloud, "set_rules", z.strictObject({ rules: rulesSchema }), (firewall, body) => {
    const next = cloud.firewalls.put({ ...firewall, rules: body.rules.map(ruleRecord) });
    const job = setRules.call({ firewall: firewall.id });
    const servers = firewall.appliedTo.flatMap((target) => (target.type === "server" ? target.server : target.servers));
    for (const server of servers) assertFirewallFits(cloud, next, server);
    return [
      begin(cloud, firewall.id, "set_firewall_rules", job),
      ...[...new Set(servers)].map((server) => begin(cloud, firewall.id, "apply_firewall", job, server)),
    ];
  });
  const applySchema = z.strictObject({ apply_to: z.array(targetSchema).min(1) });
  firewallAction(app, cloud, "apply_to_resources", applySchema, (firewall, body) => {
    cloud.firewalls.put(withTargets(cloud, firewall, body.apply_to));
    return beginApply(cloud, firewall.id, body.apply_to);
  });
  const removeSchema = z.strictObject({ remove_from: z.array(targetSchema).min(1) });
  firewallAction(app, cloud, "remove_from_resources", removeSchema, (firewall, body) =>
    body.remove_from.map((target) => {
      assertRemovable(cloud, firewall, target);
      return begin(
        cloud,
        firewall.id,
        "remove_firewall",
        remove.call({ firewall: firewall.id, target }),
        serverOf(target),
      );
    }),
  );
}

export function firewallRoutes(cloud: Cloud): Hono {
  const { firewalls } = cloud;
  const kind: Kind<FirewallRecord> = {
    type: "firewall",
    key: "firewalls",
    collection: firewalls,
    view: firewallView,
    labelled: true,
    sorts: namedSorts,
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const { firewall, actions } = cloud.change(() => {
      assertUniqueName(firewalls, kind.type, body.name);
      assertLimit(cloud, "firewalls", firewalls.size);
      const record: FirewallRecord = {
        id: cloud.store.nextId("firewall", 1_900_001),
        name: body.name,
        labels: body.labels ?? {},
        created: cloud.clock.stamp(),
        rules: (body.rules ?? []).map(ruleRecord),
        appliedTo: [],
      };
      const created = firewalls.put(withTargets(cloud, record, body.apply_to ?? []));
      const job = setRules.call({ firewall: created.id });
      return {
        firewall: created,
        actions: [
          begin(cloud, created.id, "set_firewall_rules", job),
          ...beginApply(cloud, created.id, body.apply_to ?? []),
        ],
      };
    });
    return context.json(
      { firewall: firewallView(firewall), actions: actions.map((action) => actionView(cloud, action)) },
      201,
    );
  });
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateSchema);
    const firewall = cloud.change(() =>
      firewalls.put(renamed(firewalls, kind.type, find(firewalls, kind.type, pathId(context)), body)),
    );
    return context.json({ firewall: firewallView(firewall) });
  });
  app.delete("/:id", (context) => {
    const firewall = find(firewalls, kind.type, pathId(context));
    if (firewall.appliedTo.length > 0) {
      throw refused("resource_in_use", `firewall ${firewall.id} is still applied to resources`);
    }
    firewalls.delete(firewall.id);
    return context.body(null, 204);
  });
  firewallActionRoutes(app, cloud);
  return app;
}
