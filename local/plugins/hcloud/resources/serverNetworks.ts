/** Private networks of a server: the inline list of `Server` and the `ServerNetwork` resource. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { number, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at, type HcloudResource, parseSubnetId, splitId, unlessCode } from "../common.ts";
import { ADDRESS, sameAddress } from "./addresses.ts";

const act = (api: HcloudApi, server: string, action: string, body: Properties): Promise<JsonView> =>
  api.act(`${at("/servers", server)}/actions/${action}`, body);

const texts = (view: JsonView): readonly string[] => view.list().map((item) => item.string());

const sameAddresses = (left: readonly string[], right: readonly string[]): boolean =>
  left.length === right.length && left.every((address) => right.some((other) => sameAddress(address, other)));

/** Network id that an element of the list means. */
const wantedNetwork = (network: JsonView): number =>
  network.at("networkId").present
    ? network.at("networkId").number()
    : parseSubnetId(network.at("subnetId").string()).network;

/** Reasons a server cannot join yet; each passes by itself (internal/server/common.go). */
const NOT_YET = ["conflict", "locked", "service_error", "no_subnet_available"];

export const joinNetwork = (api: HcloudApi, server: string, network: JsonView): Promise<void> => {
  const subnet = network.at("subnetId").present ? parseSubnetId(network.at("subnetId").string()) : undefined;
  const body = {
    network: wantedNetwork(network),
    ...compact({
      ip: network.at("ip").value,
      alias_ips: network.at("aliasIps").present ? texts(network.at("aliasIps")) : undefined,
      ip_range: subnet?.ipRange,
    }),
  };
  return unlessCode(["server_already_attached"], () =>
    api.retrying(NOT_YET, () => act(api, server, "attach_to_network", body)),
  );
};

const detach = (api: HcloudApi, server: string, network: number): Promise<void> =>
  unlessCode(["not_found"], () =>
    api.retrying(["conflict", "locked", "service_error"], () => act(api, server, "detach_from_network", { network })),
  );

const changeAliases = (
  api: HcloudApi,
  server: string,
  network: number,
  aliases: readonly string[],
): Promise<JsonView> => act(api, server, "change_alias_ips", { network, alias_ips: aliases });

/** The inline list as state: the subnet of each element is the program's own choice, the API does not name it. */
export const networkState = (server: JsonView, known: Properties): readonly Properties[] => {
  const wanted = inputsView(known).at("networks").list();
  return server
    .at("private_net")
    .list()
    .map((live) => {
      const networkId = live.at("network").number();
      const subnetId = wanted.find((network) => wantedNetwork(network) === networkId)?.at("subnetId");
      return {
        networkId,
        ip: live.at("ip").string(),
        aliasIps: texts(live.at("alias_ips")),
        macAddress: live.at("mac_address").stringOr(""),
        ...(subnetId?.present === true ? { subnetId: subnetId.string() } : {}),
      };
    });
};

const alignNetwork = async (api: HcloudApi, id: string, live: JsonView, wanted: JsonView): Promise<void> => {
  const network = live.at("network").number();
  const ip = wanted.at("ip");
  if (ip.present && !sameAddress(ip.string(), live.at("ip").string())) {
    // The address of an attachment cannot be changed.
    await detach(api, id, network);
    await joinNetwork(api, id, wanted);
    return;
  }
  const aliases = texts(wanted.at("aliasIps"));
  if (wanted.at("aliasIps").present && !sameAddresses(aliases, texts(live.at("alias_ips")))) {
    await changeAliases(api, id, network, aliases);
  }
};

/** Makes the server a member of exactly the wanted networks. */
export const convergeNetworks = async (api: HcloudApi, id: string, inputs: Properties): Promise<void> => {
  const wanted = inputsView(inputs).at("networks").list();
  const live = (await api.get(at("/servers", id))).at("server", "private_net").list();
  for (const attachment of live) {
    const network = attachment.at("network").number();
    const match = wanted.find((item) => wantedNetwork(item) === network);
    await (match === undefined ? detach(api, id, network) : alignNetwork(api, id, attachment, match));
  }
  for (const item of wanted) {
    if (!live.some((attachment) => attachment.at("network").number() === wantedNetwork(item))) {
      await joinNetwork(api, id, item);
    }
  }
};

const attachmentOf = async (api: HcloudApi, id: string): Promise<JsonView | undefined> => {
  const parts = splitId(id, "-");
  const found = parts === undefined ? undefined : (await api.find(at("/servers", parts[0])))?.at("server");
  return found
    ?.at("private_net")
    .list()
    .find((live) => String(live.at("network").number()) === parts?.[1]);
};

/** The id is `<server>-<network>`. */
export const serverNetwork: HcloudResource = {
  token: "hcloud:index/serverNetwork:ServerNetwork",
  properties: {
    serverId: number("required", { replace: true }),
    networkId: number("optionalComputed", { replace: true }),
    subnetId: text("optional", { replace: true, unread: true }),
    ip: text("optionalComputed", { replace: true, same: sameAddress }),
    aliasIps: { presence: "optional", shape: { kind: "set", element: ADDRESS }, default: [] },
    macAddress: text("computed"),
  },
  contradictions: (inputs) => {
    if (inputs.networkId === undefined && inputs.subnetId === undefined) {
      return [{ property: "subnetId", reason: "subnetId: give at least one of subnetId, networkId" }];
    }
    const view = inputsView(inputs);
    const [given, subnet] = [view.at("networkId").value, view.at("subnetId").stringOr("")];
    return typeof given === "number" && /^\d+-/.test(subnet) && !subnet.startsWith(`${given}-`)
      ? [{ property: "subnetId", reason: `subnetId: "${subnet}" given, it is not a subnet of network ${given}` }]
      : [];
  },
  create: async (api, inputs, created) => {
    const view = inputsView(inputs);
    const server = String(view.at("serverId").number());
    await joinNetwork(api, server, view);
    created(`${server}-${wantedNetwork(view)}`);
  },
  read: async (api, id) => {
    const live = await attachmentOf(api, id);
    const parts = splitId(id, "-");
    return live === undefined || parts === undefined
      ? undefined
      : {
          serverId: Number(parts[0]),
          networkId: Number(parts[1]),
          ip: live.at("ip").string(),
          aliasIps: texts(live.at("alias_ips")),
          macAddress: live.at("mac_address").stringOr(""),
        };
  },
  update: async (api, { id, inputs }) => {
    const parts = splitId(id, "-");
    if (parts !== undefined) {
      await changeAliases(api, parts[0], Number(parts[1]), texts(inputsView(inputs).at("aliasIps")));
    }
  },
  remove: async (api, id) => {
    const parts = splitId(id, "-");
    if (parts !== undefined && (await attachmentOf(api, id)) !== undefined) {
      await detach(api, parts[0], Number(parts[1]));
    }
  },
};
