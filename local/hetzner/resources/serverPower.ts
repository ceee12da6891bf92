/** Power, type and disk of a server. */
import type { Hono } from "hono";
import { z } from "zod";
import type { ServerTypeEntry } from "../catalogue/serverTypes.ts";
import type { ActionRecord, JobCall } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { protectedFrom, refused } from "../http/errors.ts";
import { actionRoute, type Kind } from "../http/routes.ts";
import { emptyBody, idOrNameSchema } from "../http/validate.ts";
import type { ServerRecord, ServerStatus } from "../records.ts";
import { resolveImage } from "./images.ts";
import { createPassword } from "./passwords.ts";
import { changeType, editServer, rebootServer, rebuildServer, settled, startServer, stopServer } from "./serverJobs.ts";

/** One action on a free server that shows `status` while it runs. */
export function beginOnServer(
  cloud: Cloud,
  server: ServerRecord,
  command: string,
  job: JobCall,
  status: ServerStatus = server.status,
): ActionRecord {
  const self = { id: server.id, type: "server" };
  cloud.actions.assertUnlocked(self);
  if (status !== server.status) editServer(cloud, server.id, { status });
  return cloud.actions.begin({ command, resources: [self], locks: [self], job });
}

function powerRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  const isOn = (server: ServerRecord): boolean => server.status !== "off";
  const nothing = (server: ServerRecord, command: string): ActionRecord =>
    beginOnServer(cloud, server, command, settled.call({ server: server.id }));

  actionRoute(app, cloud, kind, "poweron", emptyBody, (server) =>
    isOn(server)
      ? nothing(server, "start_server")
      : beginOnServer(cloud, server, "start_server", startServer.call({ server: server.id }), "starting"),
  );
  for (const [name, command, how] of [
    ["poweroff", "stop_server", "hard"],
    ["shutdown", "shutdown_server", "graceful"],
  ] as const) {
    actionRoute(app, cloud, kind, name, emptyBody, (server) =>
      isOn(server)
        ? beginOnServer(cloud, server, command, stopServer.call({ server: server.id, how }), "stopping")
        : nothing(server, command),
    );
  }
  for (const [name, command, how] of [
    ["reset", "reset_server", "hard"],
    ["reboot", "reboot_server", "graceful"],
  ] as const) {
    actionRoute(app, cloud, kind, name, emptyBody, (server) => {
      if (!isOn(server)) throw refused("unsupported_error", `server ${server.id} is off`);
      return beginOnServer(cloud, server, command, rebootServer.call({ server: server.id, how }));
    });
  }
}

/** The disk never shrinks: what counts is the disk the server has, not the one its type would give. */
function assertTypeFits(cloud: Cloud, server: ServerRecord, type: ServerTypeEntry): void {
  const present = cloud.catalogue.serverType(server.serverType);
  if (server.status !== "off") throw refused("server_not_stopped", "server must be powered off");
  const fault =
    type.id === present.id
      ? `server has type ${type.name} already`
      : type.architecture !== present.architecture
        ? `server type ${type.name} is for ${type.architecture}, the server is ${present.architecture}`
        : type.disk < server.primaryDiskSize
          ? `disk of ${type.name} (${type.disk} GB) is smaller than the server's (${server.primaryDiskSize} GB)`
          : undefined;
  if (fault !== undefined) throw refused("invalid_server_type", fault);
  cloud.catalogue.assertOrderable(type, server.location);
}

export function serverPowerRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  powerRoutes(app, cloud, kind);

  const typeSchema = z.strictObject({ server_type: idOrNameSchema, upgrade_disk: z.boolean() });
  actionRoute(app, cloud, kind, "change_type", typeSchema, (server, body) => {
    cloud.actions.assertUnlocked({ id: server.id, type: kind.type });
    const type = cloud.catalogue.serverType(body.server_type);
    assertTypeFits(cloud, server, type);
    const disk = body.upgrade_disk ? type.disk : server.primaryDiskSize;
    const job = changeType.call({ server: server.id, serverType: type.id, disk });
    return beginOnServer(cloud, server, "change_server_type", job, "migrating");
  });

  const rebuildSchema = z.strictObject({ image: idOrNameSchema, user_data: z.string().nullish() });
  actionRoute(app, cloud, kind, "rebuild", rebuildSchema, (server, body) => {
    if (server.protection.rebuild) throw protectedFrom(kind.type, "rebuild");
    cloud.actions.assertUnlocked({ id: server.id, type: kind.type });
    const type = cloud.catalogue.serverType(server.serverType);
    const { image } = resolveImage(cloud, body.image, type.architecture);
    const rootPassword = server.sshKeys.length > 0 ? null : createPassword();
    const userData = body.user_data ?? server.userData;
    const next = cloud.servers.put({ ...server, image: image.id, rootPassword, userData });
    const action = beginOnServer(
      cloud,
      next,
      "rebuild_server",
      rebuildServer.call({ server: server.id }),
      "rebuilding",
    );
    return { action, extra: () => ({ root_password: rootPassword }) };
  });
}
