import type { Hono } from "hono";
import type { z } from "zod";
import type { Cloud } from "../engine/cloud.ts";
import { protectedFrom } from "../http/errors.ts";
import { actionView, find, type Kind, namedSorts, readRoutes, renamed } from "../http/routes.ts";
import { pathId, readBody, updateSchema } from "../http/validate.ts";
import type { ServerRecord } from "../records.ts";
import { create, createSchema, serverNameSchema } from "./serverCreate.ts";
import { serverExtraRoutes } from "./serverExtras.ts";
import { serverImageRoutes } from "./serverImages.ts";
import { deleteServer } from "./serverJobs.ts";
import { serverNetworkRoutes } from "./serverNetworks.ts";
import { beginOnServer, serverPowerRoutes } from "./serverPower.ts";
import { serverView } from "./serverView.ts";

export function serverRoutes(cloud: Cloud): Hono {
  const { servers } = cloud;
  const view = (server: ServerRecord): object => serverView(cloud, server);
  const kind: Kind<ServerRecord> = {
    type: "server",
    key: "servers",
    collection: servers,
    view,
    labelled: true,
    sorts: namedSorts,
    filters: { status: (server, values) => values.includes(server.status) },
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const created = cloud.change(() => create(cloud, body));
    const answer = {
      server: view(created.server),
      action: actionView(cloud, created.action),
      next_actions: created.next.map((action) => actionView(cloud, action)),
      root_password: created.rootPassword,
    };
    return context.json(answer, 201);
  });
  app.put("/:id", async (context) => {
    const schema = updateSchema.extend({ name: serverNameSchema.nullish() });
    const body: z.output<typeof schema> = await readBody(context, cloud.local.observer, schema);
    const server = cloud.change(() => {
      const next = servers.put(renamed(servers, kind.type, find(servers, kind.type, pathId(context)), body));
      cloud.selectors.touch();
      return next;
    });
    return context.json({ server: view(server) });
  });
  app.delete("/:id", (context) => {
    const action = cloud.change(() => {
      const server = find(servers, kind.type, pathId(context));
      if (server.protection.delete) throw protectedFrom(kind.type, "deletion");
      return beginOnServer(cloud, server, "delete_server", deleteServer.call({ server: server.id }), "deleting");
    });
    return context.json({ action: actionView(cloud, action) });
  });
  serverPowerRoutes(app, cloud, kind);
  serverNetworkRoutes(app, cloud, kind);
  serverImageRoutes(app, cloud, kind);
  serverExtraRoutes(app, cloud, kind);
  return app;
}
