/** `getNetwork`, `getSshKey(s)` and `getPrimaryIp`. */

import type { JsonView } from "../../core/json.ts";
import { flag, type FunctionDefinition, number, text, textMap } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { byId, byQuery, bySelector, exactlyOne, listId, optional, type Source } from "./choose.ts";

type HcloudFunction = FunctionDefinition<HcloudApi>;

const NETWORKS: Source = { path: "/networks", one: "network", many: "networks", noun: "network" };
const KEYS: Source = { path: "/ssh_keys", one: "ssh_key", many: "ssh_keys", noun: "SSH key" };
const PRIMARY_IPS: Source = { path: "/primary_ips", one: "primary_ip", many: "primary_ips", noun: "primary IP" };

const networkState = (network: JsonView): Properties => ({
  id: network.at("id").number(),
  name: network.at("name").string(),
  ipRange: network.at("ip_range").string(),
  labels: network.at("labels").object(),
  deleteProtection: network.at("protection", "delete").boolean(),
  exposeRoutesToVswitch: network.at("expose_routes_to_vswitch").booleanOr(false),
});

const keyState = (key: JsonView): Properties => ({
  id: key.at("id").number(),
  name: key.at("name").string(),
  fingerprint: key.at("fingerprint").string(),
  publicKey: key.at("public_key").string(),
  labels: key.at("labels").object(),
});

const ipState = (ip: JsonView): Properties => {
  const address = ip.at("ip").string();
  const ipv6 = ip.at("type").string() === "ipv6";
  return {
    id: ip.at("id").number(),
    name: ip.at("name").string(),
    type: ip.at("type").string(),
    ipAddress: address.replace(/\/\d+$/, ""),
    ipNetwork: ipv6 ? address : "",
    assigneeId: ip.at("assignee_id").numberOr(0),
    assigneeType: ip.at("assignee_type").stringOr("unassigned"),
    autoDelete: ip.at("auto_delete").boolean(),
    location: ip.at("location", "name").string(),
    datacenter: "",
    labels: ip.at("labels").object(),
    deleteProtection: ip.at("protection", "delete").boolean(),
  };
};

export const networkFunctions: readonly HcloudFunction[] = [
  {
    token: "hcloud:index/getNetwork:getNetwork",
    args: {
      id: number("optional"),
      name: text("optional"),
      ipRange: text("optional"),
      labels: textMap("optional"),
      withSelector: text("optional"),
      mostRecent: flag("optional"),
    },
    contradictions: exactlyOne("id", "name", "withSelector"),
    call: async (api, args) => {
      const found =
        (await byId(api, NETWORKS, args)) ??
        (await byQuery(api, NETWORKS, "name", optional(args, "name"))) ??
        (await bySelector(api, NETWORKS, args, ""));
      return { ...args, ...networkState(found) };
    },
  },
];

export const sshKeyFunctions: readonly HcloudFunction[] = [
  {
    token: "hcloud:index/getSshKey:getSshKey",
    args: {
      id: number("optional"),
      name: text("optional"),
      fingerprint: text("optional"),
      selector: text("optional"),
      withSelector: text("optional"),
    },
    contradictions: exactlyOne("id", "name", "fingerprint", "withSelector"),
    call: async (api, args) => {
      const found =
        (await byId(api, KEYS, args)) ??
        (await byQuery(api, KEYS, "name", optional(args, "name"))) ??
        (await byQuery(api, KEYS, "fingerprint", optional(args, "fingerprint"))) ??
        (await bySelector(api, KEYS, args, ""));
      return { ...args, ...keyState(found) };
    },
  },
  {
    token: "hcloud:index/getSshKeys:getSshKeys",
    args: { id: text("optional"), withSelector: text("optional") },
    call: async (api, args) => {
      const selector = encodeURIComponent(optional(args, "withSelector") ?? "");
      const found = await api.list("/ssh_keys", "ssh_keys", `?label_selector=${selector}`);
      return { ...args, id: listId(found), sshKeys: found.map(keyState) };
    },
  },
];

export const ipFunctions: readonly HcloudFunction[] = [
  {
    token: "hcloud:index/getPrimaryIp:getPrimaryIp",
    args: {
      id: number("optional"),
      name: text("optional"),
      ipAddress: text("optional"),
      withSelector: text("optional"),
    },
    contradictions: exactlyOne("id", "name", "ipAddress", "withSelector"),
    call: async (api, args) => {
      const found =
        (await byId(api, PRIMARY_IPS, args)) ??
        (await byQuery(api, PRIMARY_IPS, "name", optional(args, "name"))) ??
        (await byQuery(api, PRIMARY_IPS, "ip", optional(args, "ipAddress"))) ??
        (await bySelector(api, PRIMARY_IPS, args, ""));
      return { ...args, ...ipState(found) };
    },
  },
];
