/** Load balancers and their attachment to a network. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { fields, flag, number, object, oneOf, set, text, textMap } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import {
  at,
  bodyOf,
  deleteProtectionProperty,
  type HcloudResource,
  nameProperty,
  parseSubnetId,
  simpleResource,
  splitId,
  unlessCode,
} from "../common.ts";
import { sameAddress } from "./addresses.ts";

const PATH = "/load_balancers";

export const loadBalancerAction = (api: HcloudApi, id: string, action: string, body: Properties): Promise<JsonView> =>
  api.act(`${at(PATH, id)}/actions/${action}`, body);

const serverTargets = (view: JsonView): readonly number[] =>
  view.list().flatMap((target) => {
    const live = target.at("server", "id");
    const wanted = target.at("serverId");
    return wanted.present ? [wanted.number()] : live.present ? [live.number()] : [];
  });

/** The deprecated inline list of server targets. */
const convergeTargets = async (api: HcloudApi, id: string, inputs: Properties): Promise<void> => {
  const wanted = serverTargets(inputsView(inputs).at("targets"));
  const live = serverTargets((await api.get(at(PATH, id))).at("load_balancer", "targets"));
  for (const server of live.filter((target) => !wanted.includes(target))) {
    await loadBalancerAction(api, id, "remove_target", { type: "server", server: { id: server } });
  }
  for (const server of wanted.filter((target) => !live.includes(target))) {
    await loadBalancerAction(api, id, "add_target", { type: "server", server: { id: server } });
  }
};

export const loadBalancer: HcloudResource = simpleResource({
  token: "hcloud:index/loadBalancer:LoadBalancer",
  path: PATH,
  key: "load_balancer",
  properties: {
    name: nameProperty,
    loadBalancerType: text("required"),
    location: text("optionalComputed", { replace: true }),
    networkZone: text("optionalComputed", { replace: true, unimported: true }),
    algorithm: object("optionalComputed", {
      type: oneOf("optionalComputed", ["round_robin", "least_connections"]),
    }),
    labels: textMap("optionalComputed"),
    targets: set(
      "optionalComputed",
      fields({
        type: oneOf("required", ["server"]),
        serverId: number("optional"),
        usePrivateIp: flag("optional", { default: false }),
      }),
    ),
    deleteProtection: deleteProtectionProperty,
    ipv4: text("computed"),
    ipv6: text("computed"),
    networkId: number("computed"),
    networkIp: text("computed"),
  },
  contradictions: (inputs) =>
    (inputs.location === undefined) === (inputs.networkZone === undefined)
      ? [{ property: "location", reason: "location: give exactly one of location, networkZone" }]
      : [],
  createBody: (inputs) => ({
    ...bodyOf(inputs, {
      name: "name",
      loadBalancerType: "load_balancer_type",
      location: "location",
      networkZone: "network_zone",
      labels: "labels",
    }),
    ...(inputs.algorithm === undefined
      ? {}
      : { algorithm: compact({ type: inputsView(inputs).at("algorithm", "type").value }) }),
    ...(inputs.targets === undefined
      ? {}
      : { targets: serverTargets(inputsView(inputs).at("targets")).map((id) => ({ type: "server", server: { id } })) }),
  }),
  updateFields: { name: "name", labels: "labels" },
  state: (live) => ({
    name: live.at("name").string(),
    loadBalancerType: live.at("load_balancer_type", "name").string(),
    location: live.at("location", "name").string(),
    networkZone: live.at("location", "network_zone").string(),
    algorithm: { type: live.at("algorithm", "type").string() },
    labels: live.at("labels").object(),
    targets: serverTargets(live.at("targets")).map((serverId) => ({ type: "server", serverId })),
    deleteProtection: live.at("protection", "delete").boolean(),
    ipv4: live.at("public_net", "ipv4", "ip").stringOr(""),
    ipv6: live.at("public_net", "ipv6", "ip").stringOr(""),
    ...firstNetwork(live),
  }),
  update: async (api, { id, inputs, changed }) => {
    const view = inputsView(inputs);
    if (changed("loadBalancerType")) {
      await loadBalancerAction(api, id, "change_type", { load_balancer_type: view.at("loadBalancerType").string() });
    }
    if (changed("algorithm")) {
      await loadBalancerAction(api, id, "change_algorithm", { type: view.at("algorithm", "type").string() });
    }
    if (changed("targets")) {
      await convergeTargets(api, id, inputs);
    }
  },
});

const firstNetwork = (live: JsonView): Properties => {
  const [first] = live.at("private_net").list();
  return first === undefined ? {} : { networkId: first.at("network").number(), networkIp: first.at("ip").string() };
};

const attachment = (live: JsonView | undefined, network: string): JsonView | undefined =>
  live
    ?.at("private_net")
    .list()
    .find((item) => String(item.at("network").number()) === network);

type Place = { readonly network: number; readonly ipRange?: string };

const placeOf = (inputs: Properties): Place => {
  const view = inputsView(inputs);
  return view.at("subnetId").present
    ? parseSubnetId(view.at("subnetId").string())
    : { network: view.at("networkId").number() };
};

export const loadBalancerNetwork: HcloudResource = {
  token: "hcloud:index/loadBalancerNetwork:LoadBalancerNetwork",
  properties: {
    loadBalancerId: number("required", { replace: true }),
    networkId: number("optional", { replace: true, keptWhenOmitted: true }),
    subnetId: text("optional", { replace: true, unread: true }),
    ip: text("optionalComputed", { replace: true, same: sameAddress }),
    enablePublicInterface: flag("optional", { replace: true, default: true }),
  },
  contradictions: (inputs) =>
    (inputs.networkId === undefined) === (inputs.subnetId === undefined)
      ? [{ property: "subnetId", reason: "subnetId: give exactly one of subnetId, networkId" }]
      : [],
  create: async (api, inputs, created) => {
    const view = inputsView(inputs);
    const id = String(view.at("loadBalancerId").number());
    const place = placeOf(inputs);
    const body = { network: place.network, ...compact({ ip: inputs.ip, ip_range: place.ipRange }) };
    await unlessCode(["load_balancer_already_attached"], () =>
      api.retrying(["conflict", "locked", "service_error"], () =>
        loadBalancerAction(api, id, "attach_to_network", body),
      ),
    );
    created(`${id}-${place.network}`);
    const open = view.at("enablePublicInterface").booleanOr(true);
    await loadBalancerAction(api, id, open ? "enable_public_interface" : "disable_public_interface", {});
  },
  read: async (api, id, known) => {
    const parts = splitId(id, "-");
    const live = parts === undefined ? undefined : (await api.find(at(PATH, parts[0])))?.at("load_balancer");
    const found = attachment(live, parts?.[1] ?? "");
    if (parts === undefined || live === undefined || found === undefined) {
      return undefined;
    }
    return {
      loadBalancerId: Number(parts[0]),
      ...(known.subnetId === undefined ? { networkId: Number(parts[1]) } : {}),
      ip: found.at("ip").string(),
      enablePublicInterface: live.at("public_net", "enabled").boolean(),
    };
  },
  remove: async (api, id) => {
    const parts = splitId(id, "-");
    const live = parts === undefined ? undefined : (await api.find(at(PATH, parts[0])))?.at("load_balancer");
    if (parts !== undefined && attachment(live, parts[1]) !== undefined) {
      await unlessCode(["not_found"], () =>
        api.retrying(["conflict", "locked"], () =>
          loadBalancerAction(api, parts[0], "detach_from_network", { network: Number(parts[1]) }),
        ),
      );
    }
  },
};
