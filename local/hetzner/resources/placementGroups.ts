import type { Hono } from "hono";
import { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { refused } from "../http/errors.ts";
import { assertLimit, assertUniqueName, find, type Kind, namedSorts, readRoutes, renamed } from "../http/routes.ts";
import { labelsSchema, nameSchema, pathId, readBody, updateSchema } from "../http/validate.ts";
import type { PlacementGroupRecord } from "../records.ts";

const createSchema = z.strictObject({ name: nameSchema, type: z.literal("spread"), labels: labelsSchema.nullish() });

/** A spread group keeps its servers on different hosts, so it takes ten. */
export const spreadSize = 10;

export const placementGroupView = (cloud: Cloud, group: PlacementGroupRecord): object => ({
  id: group.id,
  name: group.name,
  labels: group.labels,
  created: group.created,
  servers: cloud.servers.where("placementGroup", group.id).map((server) => server.id),
  type: group.type,
});

export function assertRoomInGroup(cloud: Cloud, group: number): void {
  const members = cloud.servers.where("placementGroup", group).length;
  if (members >= spreadSize) {
    const message = `placement group with ID ${group} contains already ${members} servers`;
    throw refused("placement_group_member_limit_reached", message);
  }
}

export function placementGroupRoutes(cloud: Cloud): Hono {
  const { placementGroups } = cloud;
  const view = (group: PlacementGroupRecord): object => placementGroupView(cloud, group);
  const kind: Kind<PlacementGroupRecord> = {
    type: "placement_group",
    key: "placement_groups",
    collection: placementGroups,
    view,
    labelled: true,
    sorts: namedSorts,
    filters: { type: (group, values) => values.includes(group.type) },
  };
  const app = readRoutes(cloud, kind, false);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const group = cloud.change(() => {
      assertUniqueName(placementGroups, kind.type, body.name);
      assertLimit(cloud, "placement_groups", placementGroups.size);
      return placementGroups.put({
        id: cloud.store.nextId("placement_group", 501_001),
        name: body.name,
        labels: body.labels ?? {},
        created: cloud.clock.stamp(),
        type: body.type,
      });
    });
    return context.json({ placement_group: view(group), action: null }, 201);
  });
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateSchema);
    const group = cloud.change(() => {
      const old = find(placementGroups, kind.type, pathId(context));
      return placementGroups.put(renamed(placementGroups, kind.type, old, body));
    });
    return context.json({ placement_group: view(group) });
  });
  app.delete("/:id", (context) => {
    const group = find(placementGroups, kind.type, pathId(context));
    cloud.change(() => {
      for (const server of cloud.servers.where("placementGroup", group.id)) {
        cloud.servers.put({ ...server, placementGroup: null });
      }
      placementGroups.delete(group.id);
    });
    return context.body(null, 204);
  });
  return app;
}
