/** `getServer` and `getServers`. */

import type { JsonView } from "../../core/json.ts";
import { anything, type FunctionDefinition, list, number, STRING, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { serverState } from "../resources/serverState.ts";
import { byId, byQuery, bySelector, exactlyOne, listId, optional, type Source, statusQuery } from "./choose.ts";

const SERVERS: Source = { path: "/servers", one: "server", many: "servers", noun: "server" };

const dataState = (server: JsonView): Properties => ({
  id: server.at("id").number(),
  ipv4Address: "",
  ipv6Address: "",
  ipv6Network: "",
  image: "",
  ...serverState(server, {}),
  iso: server.at("iso").present ? server.at("iso", "name").stringOr("") : "",
  rescue: "",
  networks: server
    .at("private_net")
    .list()
    .map((net) => ({
      networkId: net.at("network").number(),
      ip: net.at("ip").string(),
      aliasIps: net
        .at("alias_ips")
        .list()
        .map((ip) => ip.string()),
      macAddress: net.at("mac_address").stringOr(""),
    })),
});

export const serverFunctions: readonly FunctionDefinition<HcloudApi>[] = [
  {
    token: "hcloud:index/getServer:getServer",
    args: {
      id: number("optional"),
      name: text("optional"),
      selector: text("optional"),
      withSelector: text("optional"),
      withStatuses: list("optional", STRING),
      networks: anything("optional"),
      placementGroupId: number("optional"),
    },
    contradictions: exactlyOne("id", "name", "withSelector"),
    call: async (api, args) => {
      const found =
        (await byId(api, SERVERS, args)) ??
        (await byQuery(api, SERVERS, "name", optional(args, "name"))) ??
        (await bySelector(api, SERVERS, args, statusQuery(args)));
      return { ...args, ...dataState(found) };
    },
  },
  {
    token: "hcloud:index/getServers:getServers",
    args: { withSelector: text("optional"), withStatuses: list("optional", STRING) },
    call: async (api, args) => {
      const selector = encodeURIComponent(optional(args, "withSelector") ?? "");
      const found = await api.list("/servers", "servers", `?label_selector=${selector}${statusQuery(args)}`);
      return { ...args, id: listId(found), servers: found.map(dataState) };
    },
  },
];
