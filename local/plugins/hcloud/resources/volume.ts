/** Volumes and their attachment. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { flag, number, oneOf, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import {
  at,
  bodyOf,
  deleteProtectionProperty,
  type HcloudResource,
  labelsProperty,
  nameProperty,
  simpleResource,
} from "../common.ts";

const attach = (api: HcloudApi, id: string, server: number, automount: Properties): Promise<JsonView> =>
  api.act(`${at("/volumes", id)}/actions/attach`, { server, ...automount });

const liveServer = async (api: HcloudApi, id: string): Promise<number | undefined> => {
  const server = (await api.find(at("/volumes", id)))?.at("volume", "server");
  return server?.present === true ? server.number() : undefined;
};

const detach = async (api: HcloudApi, id: string, codes: readonly string[] | "any"): Promise<void> => {
  if ((await liveServer(api, id)) !== undefined) {
    await api.retrying(codes, () => api.act(`${at("/volumes", id)}/actions/detach`));
  }
};

const moveTo = async (api: HcloudApi, id: string, server: number): Promise<void> => {
  await detach(api, id, "any");
  if (server !== 0) {
    await api.retrying("any", () => attach(api, id, server, {}));
  }
};

const sizeFault = (value: unknown): string | undefined => {
  const size = Number(value);
  // Range of the API: docs.hetzner.cloud, volumes.
  return Number.isInteger(size) && size >= 10 && size <= 10_240
    ? undefined
    : `${String(value)} given, whole GB from 10 to 10240 are possible`;
};

export const volume: HcloudResource = simpleResource({
  token: "hcloud:index/volume:Volume",
  path: "/volumes",
  key: "volume",
  properties: {
    name: nameProperty,
    size: number("required", { fault: sizeFault }),
    location: text("optionalComputed", { replace: true }),
    serverId: number("optionalComputed"),
    automount: flag("optional", { unread: true }),
    format: oneOf("optional", ["xfs", "ext4"], { unread: true }),
    labels: labelsProperty,
    deleteProtection: deleteProtectionProperty,
    linuxDevice: text("computed"),
  },
  contradictions: (inputs) =>
    inputs.location === undefined && inputs.serverId === undefined
      ? [{ property: "location", reason: "location: missing; give location or serverId" }]
      : [],
  createBody: (inputs) =>
    bodyOf(inputs, {
      name: "name",
      size: "size",
      location: "location",
      serverId: "server",
      automount: "automount",
      format: "format",
      labels: "labels",
    }),
  updateFields: { name: "name", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    size: live.at("size").number(),
    location: live.at("location", "name").string(),
    ...compact({ serverId: live.at("server").present ? live.at("server").number() : undefined }),
    labels: live.at("labels").object(),
    linuxDevice: live.at("linux_device").stringOr(""),
    deleteProtection: live.at("protection", "delete").boolean(),
  }),
  update: async (api, { id, inputs, changed }) => {
    const view = inputsView(inputs);
    if (changed("serverId")) {
      await moveTo(api, id, view.at("serverId").numberOr(0));
    }
    if (changed("size")) {
      await api.act(`${at("/volumes", id)}/actions/resize`, { size: view.at("size").number() });
    }
  },
  remove: async (api, id) => {
    await detach(api, id, "any");
    await api.remove(at("/volumes", id));
  },
});

/** A volume hangs on at most one server, so the id is the volume's. */
export const volumeAttachment: HcloudResource = {
  token: "hcloud:index/volumeAttachment:VolumeAttachment",
  properties: {
    volumeId: number("required", { replace: true }),
    serverId: number("required", { replace: true }),
    automount: flag("optional", { replace: true, unread: true }),
  },
  create: async (api, inputs, created) => {
    const view = inputsView(inputs);
    const id = String(view.at("volumeId").number());
    const body = bodyOf(inputs, { serverId: "server", automount: "automount" });
    const answer = await api.retrying(["locked"], () => api.post(`${at("/volumes", id)}/actions/attach`, body));
    created(id);
    await api.settle(answer);
  },
  read: async (api, id) => {
    const server = await liveServer(api, id);
    return server === undefined ? undefined : { volumeId: Number(id), serverId: server };
  },
  remove: (api, id) => detach(api, id, ["locked"]),
};
