/** SSH keys, placement groups, uploaded certificates and snapshots: plain objects with a name and labels. */

import { number, oneOf, set, STRING, text, NUMBER, list } from "../../core/spec.ts";
import { compact, inputsView } from "../../core/json.ts";
import type { Properties, Value } from "../../core/values.ts";
import { at, bodyOf, type HcloudResource, idOf, labelsProperty, nameProperty, simpleResource } from "../common.ts";

const sameText = (wanted: Value, actual: Value): boolean => String(wanted).trim() === String(actual).trim();

export const sshKey: HcloudResource = simpleResource({
  token: "hcloud:index/sshKey:SshKey",
  path: "/ssh_keys",
  key: "ssh_key",
  properties: {
    name: nameProperty,
    publicKey: text("required", { replace: true, same: sameText }),
    labels: labelsProperty,
    fingerprint: text("computed"),
  },
  createBody: (inputs) => bodyOf(inputs, { name: "name", publicKey: "public_key", labels: "labels" }),
  updateFields: { name: "name", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    publicKey: live.at("public_key").string(),
    fingerprint: live.at("fingerprint").string(),
    labels: live.at("labels").object(),
  }),
});

export const placementGroup: HcloudResource = simpleResource({
  token: "hcloud:index/placementGroup:PlacementGroup",
  path: "/placement_groups",
  key: "placement_group",
  properties: {
    name: nameProperty,
    type: oneOf("required", ["spread"], { replace: true }),
    labels: labelsProperty,
    servers: set("computed", NUMBER),
  },
  createBody: (inputs) => bodyOf(inputs, { name: "name", type: "type", labels: "labels" }),
  updateFields: { name: "name", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    type: live.at("type").string(),
    labels: live.at("labels").object(),
    servers: live
      .at("servers")
      .list()
      .map((id) => id.number()),
  }),
});

export const uploadedCertificate: HcloudResource = simpleResource({
  token: "hcloud:index/uploadedCertificate:UploadedCertificate",
  path: "/certificates",
  key: "certificate",
  properties: {
    name: nameProperty,
    certificate: text("required", { replace: true, same: sameText }),
    privateKey: text("required", { replace: true, unread: true, secret: true }),
    labels: labelsProperty,
    type: text("computed"),
    domainNames: list("computed", STRING),
    fingerprint: text("computed"),
    created: text("computed"),
    notValidBefore: text("computed"),
    notValidAfter: text("computed"),
  },
  createBody: (inputs) => ({
    type: "uploaded",
    ...bodyOf(inputs, { name: "name", certificate: "certificate", privateKey: "private_key", labels: "labels" }),
  }),
  updateFields: { name: "name", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    certificate: live.at("certificate").string(),
    type: live.at("type").string(),
    labels: live.at("labels").object(),
    domainNames: live
      .at("domain_names")
      .list()
      .map((name) => name.string()),
    fingerprint: live.at("fingerprint").string(),
    created: live.at("created").string(),
    notValidBefore: live.at("not_valid_before").string(),
    notValidAfter: live.at("not_valid_after").string(),
  }),
});

export const snapshot: HcloudResource = {
  token: "hcloud:index/snapshot:Snapshot",
  properties: {
    serverId: number("required", { replace: true }),
    description: text("optional"),
    labels: labelsProperty,
  },
  create: async (api, inputs, created) => {
    const server = String(inputsView(inputs).at("serverId").number());
    const body: Properties = { type: "snapshot", ...bodyOf(inputs, { description: "description", labels: "labels" }) };
    const answer = await api.post(`${at("/servers", server)}/actions/create_image`, body);
    created(idOf(answer.at("image")));
    await api.settle(answer);
  },
  read: async (api, id) => {
    const image = (await api.find(at("/images", id)))?.at("image");
    if (image === undefined || image.at("type").string() !== "snapshot") {
      return undefined;
    }
    return compact({
      serverId: image.at("created_from").present ? image.at("created_from", "id").number() : undefined,
      description: image.at("description").stringOr(""),
      labels: image.at("labels").object(),
    });
  },
  update: async (api, { id, inputs, changed }) => {
    const body = compact({
      description: changed("description") ? (inputs.description ?? "") : undefined,
      labels: changed("labels") ? (inputs.labels ?? {}) : undefined,
    });
    await api.put(at("/images", id), body);
  },
  remove: (api, id) => api.remove(at("/images", id)),
};
