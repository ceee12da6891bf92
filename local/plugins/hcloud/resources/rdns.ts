/** Reverse DNS of an address. The id is `<kind>-<resource id>-<address>`. */

import { inputsView, type JsonView } from "../../core/json.ts";
import { number, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at, type HcloudResource, unlessCode } from "../common.ts";
import { sameAddress } from "./addresses.ts";

type Kind = {
  readonly prefix: string;
  readonly property: string;
  readonly path: string;
  readonly key: string;
  /** Lists of `{ip, dns_ptr}` in the object. */
  readonly pointers: (live: JsonView) => readonly JsonView[];
};

const ownList = (live: JsonView): readonly JsonView[] => live.at("dns_ptr").list();

const publicNet = (live: JsonView): readonly JsonView[] => [
  live.at("public_net", "ipv4"),
  ...live.at("public_net", "ipv6", "dns_ptr").list(),
];

const KINDS: readonly Kind[] = [
  { prefix: "s", property: "serverId", path: "/servers", key: "server", pointers: publicNet },
  { prefix: "p", property: "primaryIpId", path: "/primary_ips", key: "primary_ip", pointers: ownList },
  { prefix: "f", property: "floatingIpId", path: "/floating_ips", key: "floating_ip", pointers: ownList },
  { prefix: "l", property: "loadBalancerId", path: "/load_balancers", key: "load_balancer", pointers: publicNet },
];

type Parsed = { readonly kind: Kind; readonly owner: string; readonly ip: string };

const parseId = (id: string): Parsed | undefined => {
  const [prefix, owner, ...ip] = id.split("-");
  const kind = KINDS.find((candidate) => candidate.prefix === prefix);
  return kind === undefined || owner === undefined || ip.length === 0 ? undefined : { kind, owner, ip: ip.join("-") };
};

const change = (api: HcloudApi, { kind, owner, ip }: Parsed, pointer: string | null): Promise<JsonView> =>
  api.act(`${at(kind.path, owner)}/actions/change_dns_ptr`, { ip, dns_ptr: pointer });

const targetOf = (inputs: Properties): Parsed => {
  const kind = KINDS.find(({ property }) => inputs[property] !== undefined);
  if (kind === undefined) {
    throw new Error("serverId: missing; give one of serverId, primaryIpId, floatingIpId, loadBalancerId");
  }
  const view = inputsView(inputs);
  return { kind, owner: String(view.at(kind.property).number()), ip: view.at("ipAddress").string() };
};

export const rdns: HcloudResource = {
  token: "hcloud:index/rdns:Rdns",
  properties: {
    serverId: number("optional", { replace: true }),
    primaryIpId: number("optional", { replace: true }),
    floatingIpId: number("optional", { replace: true }),
    loadBalancerId: number("optional", { replace: true }),
    ipAddress: text("required", { replace: true, same: sameAddress }),
    dnsPtr: text("required"),
  },
  contradictions: (inputs) =>
    KINDS.filter(({ property }) => inputs[property] !== undefined).length === 1
      ? []
      : [
          {
            property: "serverId",
            reason: "serverId: give exactly one of serverId, primaryIpId, floatingIpId, loadBalancerId",
          },
        ],
  create: async (api, inputs, created) => {
    const target = targetOf(inputs);
    created(`${target.kind.prefix}-${target.owner}-${target.ip}`);
    await change(api, target, inputsView(inputs).at("dnsPtr").string());
  },
  read: async (api, id) => {
    const target = parseId(id);
    const live =
      target === undefined ? undefined : (await api.find(at(target.kind.path, target.owner)))?.at(target.kind.key);
    const pointer =
      live === undefined
        ? undefined
        : target?.kind.pointers(live).find((item) => sameAddress(item.at("ip").stringOr(""), target.ip));
    return target === undefined || pointer === undefined
      ? undefined
      : {
          [target.kind.property]: Number(target.owner),
          ipAddress: target.ip,
          dnsPtr: pointer.at("dns_ptr").stringOr(""),
        };
  },
  update: async (api, { inputs }) => {
    await change(api, targetOf(inputs), inputsView(inputs).at("dnsPtr").string());
  },
  remove: async (api, id) => {
    const target = parseId(id);
    if (target !== undefined) {
      await unlessCode(["not_found"], () => change(api, target, null));
    }
  },
};
