/** Servers: properties, creation and deletion. Changes in place are in serverUpdate.ts. */

import { createHash } from "node:crypto";
import { compact, inputsView } from "../../core/json.ts";
import { fields, flag, list, NUMBER, number, set, STRING, text, type Created, type Fault } from "../../core/spec.ts";
import type { Properties, Value } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import {
  at,
  bodyOf,
  deleteProtectionProperty,
  type HcloudResource,
  idOf,
  labelsProperty,
  nameProperty,
} from "../common.ts";
import { ADDRESS, sameAddress } from "./addresses.ts";
import { joinNetwork } from "./serverNetworks.ts";
import { serverState } from "./serverState.ts";
import { act, powerOn, sshKeyIds, START_PENDING } from "./serverCalls.ts";
import { setBackups, setIso, setProtection, setRescue, updateServer } from "./serverUpdate.ts";

/** State holds the hash the Terraform provider stores, not the text: user-data may be long and confidential. */
const userDataHash = (value: Value): Value => createHash("sha1").update(String(value)).digest("base64");

/** Limit of the API, in bytes: docs.hetzner.cloud, servers. */
const USER_DATA_LIMIT = 32_768;

const userDataFault = (value: Value): string | undefined => {
  const size = Buffer.byteLength(String(value));
  return size > USER_DATA_LIMIT ? `${size} bytes given, at most ${USER_DATA_LIMIT} are possible` : undefined;
};

const imageFault = (value: Value): string | undefined =>
  value === "" ? `"" given, the name or id of an image is needed` : undefined;

const properties: HcloudResource["properties"] = {
  name: nameProperty,
  serverType: text("required"),
  image: text("optional", { replace: true, keptWhenOmitted: true, fault: imageFault }),
  location: text("optionalComputed", { replace: true }),
  datacenter: text("optionalComputed", { replace: true }),
  userData: text("optional", { replace: true, unread: true, stored: userDataHash, fault: userDataFault }),
  sshKeys: list("optional", STRING, { replace: true, unread: true }),
  keepDisk: flag("optional", { default: false, unread: true }),
  allowDeprecatedImages: flag("optional", { default: false, unread: true }),
  backups: flag("optional", { default: false }),
  iso: text("optional", { unread: true }),
  rescue: text("optional", { unread: true }),
  labels: labelsProperty,
  publicNets: set(
    "optional",
    fields({
      ipv4Enabled: flag("optional", { default: true }),
      ipv4: number("optionalComputed"),
      ipv6Enabled: flag("optional", { default: true }),
      ipv6: number("optionalComputed"),
    }),
    { unread: true, keptWhenOmitted: true },
  ),
  networks: set(
    "optional",
    fields({
      networkId: number("optionalComputed"),
      subnetId: text("optional"),
      ip: text("optionalComputed", { same: sameAddress }),
      aliasIps: { presence: "optionalComputed", shape: { kind: "set", element: ADDRESS } },
      macAddress: text("optionalComputed"),
    }),
    { keptWhenOmitted: true },
  ),
  firewallIds: set("optionalComputed", NUMBER),
  ignoreRemoteFirewallIds: flag("optional", { default: false, unread: true }),
  placementGroupId: number("optional"),
  deleteProtection: deleteProtectionProperty,
  rebuildProtection: flag("optional", { default: false }),
  shutdownBeforeDeletion: flag("optional", { default: false, unread: true }),
  backupWindow: text("computed"),
  ipv4Address: text("computed"),
  ipv6Address: text("computed"),
  ipv6Network: text("computed"),
  primaryDiskSize: number("computed"),
  status: text("computed"),
};

const contradictions = (inputs: Properties): readonly Fault[] => {
  const networks = inputsView(inputs).at("networks").list();
  const ids = networks.map(
    (network) => network.at("networkId").value ?? network.at("subnetId").stringOr("").split("-")[0] ?? "",
  );
  const twice = ids.filter((id, index) => ids.map(String).indexOf(String(id)) !== index);
  return [
    ...twice.map((id) => ({
      property: "networks",
      reason: `networks: network ${id} named twice, a server can join it once`,
    })),
    ...networks.flatMap((network, index) =>
      network.at("networkId").present || network.at("subnetId").present
        ? []
        : [{ property: `networks[${index}]`, reason: `networks[${index}]: give networkId or subnetId` }],
    ),
    ...inputsView(inputs)
      .at("publicNets")
      .list()
      .flatMap((net, index) =>
        (["ipv4", "ipv6"] as const).flatMap((family) =>
          net.at(`${family}Enabled`).booleanOr(true) || !net.at(family).present
            ? []
            : [
                {
                  property: `publicNets[${index}].${family}`,
                  reason: `publicNets[${index}].${family}: ${net.at(family).number()} given while ${family}Enabled is false; drop one`,
                },
              ],
        ),
      ),
  ];
};

/** Image id for the architecture of the server type: one name stands for an x86 and an arm image. */
const imageId = async (api: HcloudApi, inputs: Properties): Promise<number> => {
  const view = inputsView(inputs);
  const name = view.at("image").stringOr("");
  const typeName = view.at("serverType").string();
  const type = await api.byIdOrName("/server_types", { one: "server_type", many: "server_types" }, typeName);
  if (type === undefined) {
    throw new Error(`serverType: server type "${typeName}" not found`);
  }
  const architecture = type.at("architecture").string();
  if (/^\d+$/.test(name)) {
    return Number(name);
  }
  const query = `?name=${encodeURIComponent(name)}&architecture=${architecture}&include_deprecated=true`;
  const [image] = await api.list("/images", "images", query);
  if (image === undefined) {
    throw new Error(`image: image "${name}" for architecture ${architecture} not found`);
  }
  return image.at("id").number();
};

type PublicNet = { readonly enable_ipv4: boolean; readonly enable_ipv6: boolean };

const publicNetBody = (inputs: Properties): (PublicNet & Properties) | undefined => {
  const [net] = inputsView(inputs).at("publicNets").list();
  return net === undefined
    ? undefined
    : {
        enable_ipv4: net.at("ipv4Enabled").booleanOr(true),
        enable_ipv6: net.at("ipv6Enabled").booleanOr(true),
        ...compact({ ipv4: net.at("ipv4").value, ipv6: net.at("ipv6").value }),
      };
};

const createBody = async (api: HcloudApi, inputs: Properties, start: boolean): Promise<Properties> => ({
  ...bodyOf(inputs, {
    name: "name",
    serverType: "server_type",
    location: "location",
    datacenter: "datacenter",
    userData: "user_data",
    labels: "labels",
    placementGroupId: "placement_group",
  }),
  image: await imageId(api, inputs),
  ...compact({
    ssh_keys: inputs.sshKeys === undefined ? undefined : await sshKeyIds(api, inputs),
    public_net: publicNetBody(inputs),
    firewalls:
      inputs.firewallIds === undefined
        ? undefined
        : inputsView(inputs)
            .at("firewallIds")
            .list()
            .map((id) => ({ firewall: id.number() })),
    start_after_create: start ? undefined : false,
  }),
});

const create = async (api: HcloudApi, inputs: Properties, created: Created): Promise<void> => {
  const networks = inputsView(inputs).at("networks").list();
  const net = publicNetBody(inputs);
  // A server without any interface cannot boot: it starts after it has joined its networks.
  const late = networks.length > 0 && net !== undefined && !net.enable_ipv4 && !net.enable_ipv6;
  const answer = await api.post("/servers", await createBody(api, inputs, !late));
  const server = answer.at("server");
  const id = idOf(server);
  created(id, late ? { [START_PENDING]: true } : {});
  await api.settle(answer);
  for (const network of networks) {
    await joinNetwork(api, id, network);
  }
  if (late) {
    await powerOn(api, id);
    created(id);
  }
  if (inputs.backups === true) {
    await setBackups(api, id, true);
  }
  if (inputs.iso !== undefined) {
    await setIso(api, id, inputsView(inputs).at("iso").string());
  }
  if (inputs.rescue !== undefined) {
    await setRescue(api, id, inputs);
  }
  if (inputs.deleteProtection === true || inputs.rebuildProtection === true) {
    await setProtection(api, id, inputs);
  }
};

/** Presses the power button and gives the server about half a minute, as the provider does. */
const shutDown = async (api: HcloudApi, id: string): Promise<void> => {
  await act(api, id, "shutdown");
  const off = async (): Promise<void> => {
    const status = (await api.find(at("/servers", id)))?.at("server", "status").string();
    if (status !== undefined && status !== "off") {
      throw new Error(`server ${id} has not shut down yet`);
    }
  };
  // Deleted all the same when it does not obey.
  await api.retrying("any", off).catch(() => undefined);
};

export const server: HcloudResource = {
  token: "hcloud:index/server:Server",
  properties,
  contradictions,
  create,
  read: async (api, id, known) => {
    const found = await api.find(at("/servers", id));
    return found === undefined ? undefined : serverState(found.at("server"), known);
  },
  update: updateServer,
  remove: async (api, id, state) => {
    const status = (await api.find(at("/servers", id)))?.at("server", "status").string();
    if (state.shutdownBeforeDeletion === true && status === "running") {
      await shutDown(api, id);
    }
    await api.remove(at("/servers", id));
  },
};
