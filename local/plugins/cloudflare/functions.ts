/** `getZone` and `getIpRanges`. */

import { inputsView, type JsonView } from "../core/json.ts";
import { anything, type FunctionDefinition, list, object, STRING, text } from "../core/spec.ts";
import type { Properties } from "../core/values.ts";
import type { CloudflareApi } from "./api.ts";
import { fromApi } from "./names.ts";

type CloudflareFunction = FunctionDefinition<CloudflareApi>;

const filterQuery = (filter: JsonView): string => {
  const parameters = new URLSearchParams();
  for (const name of ["name", "status", "match", "order", "direction"]) {
    if (filter.at(name).present) {
      parameters.set(name, filter.at(name).string());
    }
  }
  for (const field of ["id", "name"]) {
    if (filter.at("account", field).present) {
      parameters.set(`account.${field}`, filter.at("account", field).string());
    }
  }
  return parameters.toString();
};

const byFilter = async (api: CloudflareApi, filter: JsonView): Promise<JsonView> => {
  const query = filterQuery(filter);
  const found = (await api.result("GET", `/zones?${query}`)).list();
  const [zone] = found;
  if (zone === undefined || found.length > 1) {
    throw new Error(`filter: ${found.length} zones match ${decodeURIComponent(query)}, exactly one is needed`);
  }
  return zone;
};

const zoneState = (zone: JsonView): Properties => {
  const id = zone.at("id").string();
  return {
    cnameSuffix: "",
    originalDnshost: "",
    originalRegistrar: "",
    vanityNameServers: [],
    verificationKey: "",
    ...(fromApi(zone.object()) as Properties),
    id,
    zoneId: id,
  };
};

const getZone: CloudflareFunction = {
  token: "cloudflare:index/getZone:getZone",
  args: {
    zoneId: text("optional"),
    filter: object("optional", {
      name: text("optional"),
      status: text("optional"),
      match: text("optional"),
      order: text("optional"),
      direction: text("optional"),
      types: list("optional", STRING),
      account: anything("optional"),
    }),
  },
  contradictions: (args) =>
    (args.zoneId === undefined) === (args.filter === undefined)
      ? [{ property: "zoneId", reason: "zoneId: give exactly one of zoneId, filter" }]
      : [],
  call: async (api, args) => {
    const view = inputsView(args);
    const zone = view.at("zoneId").present
      ? await api.result("GET", `/zones/${encodeURIComponent(view.at("zoneId").string())}`)
      : await byFilter(api, view.at("filter"));
    return { ...args, ...zoneState(zone) };
  },
};

const getIpRanges: CloudflareFunction = {
  token: "cloudflare:index/getIpRanges:getIpRanges",
  args: { networks: text("optional") },
  call: async (api, args) => {
    const networks = inputsView(args).at("networks");
    const query = networks.present ? `?networks=${encodeURIComponent(networks.string())}` : "";
    const ranges = await api.result("GET", `/ips${query}`);
    const texts = (key: string): readonly string[] =>
      ranges
        .at(key)
        .list()
        .map((range) => range.string());
    return {
      ...args,
      etag: ranges.at("etag").string(),
      ipv4Cidrs: texts("ipv4_cidrs"),
      ipv6Cidrs: texts("ipv6_cidrs"),
      jdcloudCidrs: texts("jdcloud_cidrs"),
    };
  },
};

export const cloudflareFunctions: readonly CloudflareFunction[] = [getZone, getIpRanges];
