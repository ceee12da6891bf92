/** Smaller actions of a server: protection, placement, ISO, rescue, console, password, reverse DNS. */
import type { Hono } from "hono";
import { z } from "zod";
import { isos } from "../catalogue/images.ts";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField, refused } from "../http/errors.ts";
import { actionRoute, find, type Kind } from "../http/routes.ts";
import { emptyBody, idOrNameSchema, idSchema } from "../http/validate.ts";
import type { ServerRecord } from "../records.ts";
import { type PointerOwner, pointerRoute } from "./commonActions.ts";
import { createPassword } from "./passwords.ts";
import { assertRoomInGroup } from "./placementGroups.ts";
import { editServer, settled } from "./serverJobs.ts";
import { beginOnServer } from "./serverPower.ts";

function protectionRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  const schema = z.strictObject({ delete: z.boolean().nullish(), rebuild: z.boolean().nullish() });
  actionRoute(app, cloud, kind, "change_protection", schema, (server, body) => {
    const protection = {
      delete: body.delete ?? server.protection.delete,
      rebuild: body.rebuild ?? server.protection.rebuild,
    };
    // API reference of change_protection: both must have the same value.
    if (protection.delete !== protection.rebuild) {
      throw invalidField("rebuild", "delete and rebuild protection must have the same value.");
    }
    editServer(cloud, server.id, { protection });
    const resources = [{ id: server.id, type: kind.type }];
    return cloud.actions.begin({ command: "change_protection", resources, job: settled.call({ server: server.id }) });
  });
  pointerRoute(app, cloud, kind, (server): readonly PointerOwner[] =>
    [server.primaryIpv4, server.primaryIpv6].flatMap((id) => {
      const address = id === null ? undefined : cloud.primaryIps.get(id);
      return address === undefined ? [] : { type: "primary_ip" as const, id: address.id, range: address.ip };
    }),
  );
}

function placementRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  const assertOff = (server: ServerRecord): void => {
    if (server.status !== "off") throw refused("server_not_stopped", "server must be powered off");
  };
  const schema = z.strictObject({ placement_group: idSchema });
  actionRoute(app, cloud, kind, "add_to_placement_group", schema, (server, body) => {
    const group = find(cloud.placementGroups, "placement_group", body.placement_group);
    const action = beginOnServer(cloud, server, "add_to_placement_group", settled.call({ server: server.id }));
    assertOff(server);
    if (server.placementGroup !== null) {
      throw refused("server_already_added", `server ${server.id} is in placement group ${server.placementGroup}`);
    }
    assertRoomInGroup(cloud, group.id);
    editServer(cloud, server.id, { placementGroup: group.id });
    return action;
  });
  actionRoute(app, cloud, kind, "remove_from_placement_group", emptyBody, (server) => {
    const action = beginOnServer(cloud, server, "remove_from_placement_group", settled.call({ server: server.id }));
    assertOff(server);
    editServer(cloud, server.id, { placementGroup: null });
    return action;
  });
}

function isoRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  actionRoute(app, cloud, kind, "attach_iso", z.strictObject({ iso: idOrNameSchema }), (server, body) => {
    const iso = isos.find(({ id, name }) => id === body.iso || name === body.iso || String(id) === body.iso);
    if (iso === undefined) throw invalidField("iso", `iso '${body.iso}' not found`);
    const action = beginOnServer(cloud, server, "attach_iso", settled.call({ server: server.id }));
    editServer(cloud, server.id, { iso: iso.id });
    return action;
  });
  actionRoute(app, cloud, kind, "detach_iso", emptyBody, (server) => {
    const action = beginOnServer(cloud, server, "detach_iso", settled.call({ server: server.id }));
    editServer(cloud, server.id, { iso: null });
    return action;
  });
}

function accessRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  const done = (server: ServerRecord) => settled.call({ server: server.id });
  const rescueSchema = z.strictObject({
    type: z.enum(["linux64", "linux32"]).nullish(),
    ssh_keys: z.array(idSchema).nullish(),
  });
  actionRoute(app, cloud, kind, "enable_rescue", rescueSchema, (server, body) => {
    for (const id of body.ssh_keys ?? []) find(cloud.sshKeys, "ssh_key", id);
    const action = beginOnServer(cloud, server, "enable_rescue", done(server));
    editServer(cloud, server.id, { rescueEnabled: true });
    return { action, extra: () => ({ root_password: createPassword() }) };
  });
  actionRoute(app, cloud, kind, "disable_rescue", emptyBody, (server) => {
    const action = beginOnServer(cloud, server, "disable_rescue", done(server));
    editServer(cloud, server.id, { rescueEnabled: false });
    return action;
  });
  actionRoute(app, cloud, kind, "reset_password", emptyBody, (server) => {
    if (server.status !== "running") throw refused("service_error", "server must be running");
    const action = beginOnServer(cloud, server, "reset_password", done(server));
    return { action, extra: () => ({ root_password: createPassword() }) };
  });
  actionRoute(app, cloud, kind, "request_console", emptyBody, (server) => {
    const action = cloud.actions.begin({
      command: "request_console",
      resources: [{ id: server.id, type: kind.type }],
      job: done(server),
    });
    // Loopback and closed: nothing here speaks VNC, and no client may be led elsewhere.
    const wss_url = `wss://127.0.0.1:9/?server_id=${server.id}`;
    return { action, extra: () => ({ wss_url, password: createPassword() }) };
  });
}

export function serverExtraRoutes(app: Hono, cloud: Cloud, kind: Kind<ServerRecord>): void {
  protectionRoutes(app, cloud, kind);
  placementRoutes(app, cloud, kind);
  isoRoutes(app, cloud, kind);
  accessRoutes(app, cloud, kind);
}
