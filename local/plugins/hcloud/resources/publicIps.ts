/** Primary IPs, floating IPs and their assignment. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { flag, number, oneOf, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { hasCode } from "../errors.ts";
import {
  at,
  bodyOf,
  deleteProtectionProperty,
  type HcloudResource,
  labelsProperty,
  nameProperty,
  simpleResource,
} from "../common.ts";

const TYPES = ["ipv4", "ipv6"];

/** Address of an IPv4, or the network address of an IPv6 range and the range itself. */
const addressState = (live: JsonView): Properties => {
  const ip = live.at("ip").string();
  return live.at("type").string() === "ipv6"
    ? { ipAddress: ip.replace(/\/\d+$/, ""), ipNetwork: ip }
    : { ipAddress: ip, ipNetwork: "" };
};

export const unassignPrimaryIp = (api: HcloudApi, id: string): Promise<JsonView> =>
  api.act(`${at("/primary_ips", id)}/actions/unassign`);

export const assignPrimaryIp = (api: HcloudApi, id: string, server: number): Promise<JsonView> =>
  api.act(`${at("/primary_ips", id)}/actions/assign`, { assignee_id: server, assignee_type: "server" });

/** An address can only leave a server that is off: stop it, take the address, start it again. */
const takeFromServer = async (api: HcloudApi, id: string, server: number): Promise<void> => {
  const path = at("/servers", String(server));
  const wasRunning = (await api.find(path))?.at("server", "status").string() === "running";
  if (wasRunning) {
    await api.act(`${path}/actions/poweroff`);
  }
  await unassignPrimaryIp(api, id);
  if (wasRunning) {
    await api.act(`${path}/actions/poweron`);
  }
};

const isProtected = (failure: unknown): boolean => hasCode(failure, "protected");

const removePrimaryIp = async (api: HcloudApi, id: string): Promise<void> => {
  const live = (await api.find(at("/primary_ips", id)))?.at("primary_ip");
  if (live === undefined) {
    return;
  }
  // Also when protection will make the deletion fail: the provider stops the server and takes the address first.
  const assignee = live.at("assignee_id");
  if (assignee.present) {
    await takeFromServer(api, id, assignee.number());
  }
  let protectedFailure: unknown;
  await api.retrying(
    "any",
    () =>
      api.remove(at("/primary_ips", id)).catch((failure: unknown) => {
        if (!isProtected(failure)) {
          throw failure;
        }
        protectedFailure = failure;
      }),
    10,
  );
  if (protectedFailure !== undefined) {
    throw protectedFailure;
  }
};

export const primaryIp: HcloudResource = simpleResource({
  token: "hcloud:index/primaryIp:PrimaryIp",
  path: "/primary_ips",
  key: "primary_ip",
  properties: {
    name: nameProperty,
    type: oneOf("required", TYPES, { replace: true }),
    assigneeType: text("optional", { default: "server" }),
    assigneeId: number("optionalComputed", { unimported: true }),
    autoDelete: flag("optional", { default: false }),
    location: text("optionalComputed", { replace: true }),
    datacenter: text("optionalComputed", { replace: true }),
    labels: labelsProperty,
    deleteProtection: deleteProtectionProperty,
    ipAddress: text("computed"),
    ipNetwork: text("computed"),
  },
  contradictions: (inputs) =>
    inputs.assigneeId !== undefined && (inputs.location !== undefined || inputs.datacenter !== undefined)
      ? [{ property: "location", reason: "location: not allowed beside assigneeId; the address follows its server" }]
      : [],
  createBody: (inputs) =>
    bodyOf(inputs, {
      name: "name",
      type: "type",
      assigneeType: "assignee_type",
      assigneeId: "assignee_id",
      autoDelete: "auto_delete",
      location: "location",
      datacenter: "datacenter",
      labels: "labels",
    }),
  updateFields: { name: "name", autoDelete: "auto_delete", labels: "labels" },
  state: (live, known) => {
    // Since 2026-08-01 a free address answers "unassigned"; the setting of the program stays.
    const type = live.at("assignee_type").stringOr("unassigned");
    return {
      name: live.at("name").string(),
      type: live.at("type").string(),
      assigneeType: type === "unassigned" ? inputsView(known).at("assigneeType").stringOr("server") : type,
      ...compact({ assigneeId: live.at("assignee_id").present ? live.at("assignee_id").number() : undefined }),
      autoDelete: live.at("auto_delete").boolean(),
      location: live.at("location", "name").string(),
      datacenter: "",
      labels: live.at("labels").object(),
      deleteProtection: live.at("protection", "delete").boolean(),
      ...addressState(live),
    };
  },
  update: async (api, { id, inputs, changed }) => {
    if (changed("assigneeId")) {
      const server = inputsView(inputs).at("assigneeId").numberOr(0);
      await (server === 0 ? unassignPrimaryIp(api, id) : assignPrimaryIp(api, id, server));
    }
  },
  remove: removePrimaryIp,
});

const assignFloating = (api: HcloudApi, id: string, server: number): Promise<JsonView> =>
  api.act(`${at("/floating_ips", id)}/actions/assign`, { server });

const unassignFloating = (api: HcloudApi, id: string): Promise<JsonView> =>
  api.act(`${at("/floating_ips", id)}/actions/unassign`);

export const floatingIp: HcloudResource = simpleResource({
  token: "hcloud:index/floatingIp:FloatingIp",
  path: "/floating_ips",
  key: "floating_ip",
  properties: {
    name: nameProperty,
    type: oneOf("required", TYPES, { replace: true }),
    homeLocation: text("optionalComputed", { replace: true }),
    serverId: number("optionalComputed"),
    description: text("optional"),
    labels: labelsProperty,
    deleteProtection: deleteProtectionProperty,
    ipAddress: text("computed"),
    ipNetwork: text("computed"),
  },
  contradictions: (inputs) =>
    inputs.homeLocation === undefined && inputs.serverId === undefined
      ? [{ property: "homeLocation", reason: "homeLocation: missing; give homeLocation or serverId" }]
      : [],
  createBody: (inputs) =>
    bodyOf(inputs, {
      name: "name",
      type: "type",
      homeLocation: "home_location",
      serverId: "server",
      description: "description",
      labels: "labels",
    }),
  updateFields: { name: "name", description: "description", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    type: live.at("type").string(),
    homeLocation: live.at("home_location", "name").string(),
    ...compact({ serverId: live.at("server").present ? live.at("server").number() : undefined }),
    description: live.at("description").stringOr(""),
    labels: live.at("labels").object(),
    deleteProtection: live.at("protection", "delete").boolean(),
    ...addressState(live),
  }),
  update: async (api, { id, inputs, changed }) => {
    if (changed("serverId")) {
      const server = inputsView(inputs).at("serverId").numberOr(0);
      await (server === 0 ? unassignFloating(api, id) : assignFloating(api, id, server));
    }
  },
});

/** The id is the floating IP's. */
export const floatingIpAssignment: HcloudResource = {
  token: "hcloud:index/floatingIpAssignment:FloatingIpAssignment",
  properties: { floatingIpId: number("required", { replace: true }), serverId: number("required") },
  create: async (api, inputs, created) => {
    const view = inputsView(inputs);
    const id = String(view.at("floatingIpId").number());
    created(id);
    await assignFloating(api, id, view.at("serverId").number());
  },
  read: async (api, id) => {
    const server = (await api.find(at("/floating_ips", id)))?.at("floating_ip", "server");
    return server?.present === true ? { floatingIpId: Number(id), serverId: server.number() } : undefined;
  },
  update: async (api, { id, inputs }) => {
    await assignFloating(api, id, inputsView(inputs).at("serverId").number());
  },
  remove: async (api, id) => {
    const server = (await api.find(at("/floating_ips", id)))?.at("floating_ip", "server");
    if (server?.present === true) {
      await unassignFloating(api, id);
    }
  },
};
