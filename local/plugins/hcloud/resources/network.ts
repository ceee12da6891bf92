/** Networks, their subnets and routes. The id of a part is the network's id and the part's address range. */

import { inputsView, type JsonView } from "../../core/json.ts";
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
  splitId,
  unlessCode,
} from "../common.ts";
import { cidrFault, sameAddress } from "./addresses.ts";

export const network: HcloudResource = simpleResource({
  token: "hcloud:index/network:Network",
  path: "/networks",
  key: "network",
  properties: {
    name: nameProperty,
    ipRange: text("required", { replace: true, fault: cidrFault, same: sameAddress }),
    labels: labelsProperty,
    deleteProtection: deleteProtectionProperty,
    exposeRoutesToVswitch: flag("optional", { default: false }),
  },
  createBody: (inputs) =>
    bodyOf(inputs, {
      name: "name",
      ipRange: "ip_range",
      labels: "labels",
      exposeRoutesToVswitch: "expose_routes_to_vswitch",
    }),
  updateFields: { name: "name", labels: "labels", exposeRoutesToVswitch: "expose_routes_to_vswitch" },
  state: (live) => ({
    name: live.at("name").string(),
    ipRange: live.at("ip_range").string(),
    labels: live.at("labels").object(),
    deleteProtection: live.at("protection", "delete").boolean(),
    exposeRoutesToVswitch: live.at("expose_routes_to_vswitch").booleanOr(false),
  }),
});

type Part = { readonly network: string; readonly live: JsonView };

/** The subnet or route an id names; undefined when network or part is gone, or the id names none. */
const findPart = async (
  api: HcloudApi,
  id: string,
  list: "subnets" | "routes",
  field: string,
): Promise<Part | undefined> => {
  const parts = splitId(id, "-");
  const found = parts === undefined ? undefined : (await api.find(at("/networks", parts[0])))?.at("network");
  const live = found
    ?.at(list)
    .list()
    .find((part) => sameAddress(part.at(field).string(), parts?.[1] ?? ""));
  return live === undefined || parts === undefined ? undefined : { network: parts[0], live };
};

const networkIdOf = (inputs: Properties): string => String(inputsView(inputs).at("networkId").number());

const removePart = (api: HcloudApi, path: string, body: Properties, codes: readonly string[]): Promise<void> =>
  unlessCode(["not_found"], () => api.retrying(codes, () => api.act(path, body)));

export const networkSubnet: HcloudResource = {
  token: "hcloud:index/networkSubnet:NetworkSubnet",
  properties: {
    networkId: number("required", { replace: true }),
    type: oneOf("required", ["cloud", "server", "vswitch"], { replace: true }),
    networkZone: text("required", { replace: true }),
    ipRange: text("required", { replace: true, fault: cidrFault, same: sameAddress }),
    vswitchId: number("optional", { replace: true }),
    gateway: text("computed"),
  },
  create: async (api, inputs, created) => {
    const id = networkIdOf(inputs);
    const body = bodyOf(inputs, {
      type: "type",
      networkZone: "network_zone",
      ipRange: "ip_range",
      vswitchId: "vswitch_id",
    });
    const answer = await api.retrying(["conflict"], () => api.post(`${at("/networks", id)}/actions/add_subnet`, body));
    created(`${id}-${inputsView(inputs).at("ipRange").string()}`);
    await api.settle(answer);
  },
  read: async (api, id) => {
    const part = await findPart(api, id, "subnets", "ip_range");
    if (part === undefined) {
      return undefined;
    }
    const { live } = part;
    return {
      networkId: Number(part.network),
      type: live.at("type").string(),
      networkZone: live.at("network_zone").string(),
      ipRange: live.at("ip_range").string(),
      gateway: live.at("gateway").stringOr(""),
      ...(live.at("vswitch_id").present ? { vswitchId: live.at("vswitch_id").number() } : {}),
    };
  },
  remove: async (api, id) => {
    const part = await findPart(api, id, "subnets", "ip_range");
    if (part !== undefined) {
      const path = `${at("/networks", part.network)}/actions/delete_subnet`;
      // A server that was just deleted may still count as attached for a moment: service_error.
      await removePart(api, path, { ip_range: part.live.at("ip_range").string() }, [
        "conflict",
        "locked",
        "service_error",
      ]);
    }
  },
};

export const networkRoute: HcloudResource = {
  token: "hcloud:index/networkRoute:NetworkRoute",
  properties: {
    networkId: number("required", { replace: true }),
    destination: text("required", { replace: true, fault: cidrFault, same: sameAddress }),
    gateway: text("required", { replace: true, same: sameAddress }),
  },
  create: async (api, inputs, created) => {
    const id = networkIdOf(inputs);
    const body = bodyOf(inputs, { destination: "destination", gateway: "gateway" });
    const answer = await api.retrying(["conflict"], () => api.post(`${at("/networks", id)}/actions/add_route`, body));
    created(`${id}-${inputsView(inputs).at("destination").string()}`);
    await api.settle(answer);
  },
  read: async (api, id) => {
    const part = await findPart(api, id, "routes", "destination");
    return part === undefined
      ? undefined
      : {
          networkId: Number(part.network),
          destination: part.live.at("destination").string(),
          gateway: part.live.at("gateway").string(),
        };
  },
  remove: async (api, id) => {
    const part = await findPart(api, id, "routes", "destination");
    if (part !== undefined) {
      const body = { destination: part.live.at("destination").string(), gateway: part.live.at("gateway").string() };
      await removePart(api, `${at("/networks", part.network)}/actions/delete_route`, body, ["conflict"]);
    }
  },
};
