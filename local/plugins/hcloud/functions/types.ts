/** `getServerType(s)` and `getLocation(s)`. */

import { inputsView, type JsonView } from "../../core/json.ts";
import { type FunctionDefinition, number, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { byId, byQuery, exactlyOne, listId, optional, type Source } from "./choose.ts";

type HcloudFunction = FunctionDefinition<HcloudApi>;

const TYPES: Source = { path: "/server_types", one: "server_type", many: "server_types", noun: "server type" };
const LOCATIONS: Source = { path: "/locations", one: "location", many: "locations", noun: "location" };

const deprecation = (live: JsonView): Properties => ({
  isDeprecated: live.at("deprecation").present,
  deprecationAnnounced: live.at("deprecation", "announced").stringOr(""),
  unavailableAfter: live.at("deprecation", "unavailable_after").stringOr(""),
});

const typeState = (type: JsonView): Properties => ({
  id: type.at("id").number(),
  name: type.at("name").string(),
  description: type.at("description").string(),
  category: type.at("category").stringOr(""),
  architecture: type.at("architecture").string(),
  cores: type.at("cores").number(),
  memory: type.at("memory").number(),
  disk: type.at("disk").number(),
  storageType: type.at("storage_type").string(),
  cpuType: type.at("cpu_type").string(),
  // Deprecated in the API since traffic is told per location.
  includedTraffic: 0,
  ...deprecation(type),
  locations: type
    .at("locations")
    .list()
    .map((location) => ({
      id: location.at("id").number(),
      name: location.at("name").string(),
      available: location.at("available").booleanOr(false),
      recommended: location.at("recommended").booleanOr(false),
      ...deprecation(location),
    })),
});

const locationState = (location: JsonView): Properties => ({
  id: location.at("id").number(),
  name: location.at("name").string(),
  description: location.at("description").string(),
  city: location.at("city").string(),
  country: location.at("country").string(),
  latitude: location.at("latitude").number(),
  longitude: location.at("longitude").number(),
  networkZone: location.at("network_zone").string(),
});

const one = (token: string, source: Source, state: (live: JsonView) => Properties): HcloudFunction => ({
  token,
  args: { id: number("optional"), name: text("optional") },
  contradictions: exactlyOne("id", "name"),
  call: async (api, args) => {
    const found = (await byId(api, source, args)) ?? (await byQuery(api, source, "name", optional(args, "name")));
    return found === undefined ? {} : state(found);
  },
});

const all = (
  token: string,
  source: Source,
  idsProperty: string,
  listProperty: string,
  state: (live: JsonView) => Properties,
): HcloudFunction => ({
  token,
  args: {},
  call: async (api) => {
    const found = await api.list(source.path, source.many);
    const states = found.map(state);
    return {
      id: listId(found),
      [idsProperty]: states.map(({ id }) => String(id)),
      names: states.map((item) => inputsView(item).at("name").string()),
      descriptions: states.map((item) => inputsView(item).at("description").string()),
      [listProperty]: states,
    };
  },
});

export const serverTypeFunctions: readonly HcloudFunction[] = [
  one("hcloud:index/getServerType:getServerType", TYPES, typeState),
  all("hcloud:index/getServerTypes:getServerTypes", TYPES, "serverTypeIds", "serverTypes", typeState),
];

export const locationFunctions: readonly HcloudFunction[] = [
  one("hcloud:index/getLocation:getLocation", LOCATIONS, locationState),
  all("hcloud:index/getLocations:getLocations", LOCATIONS, "locationIds", "locations", locationState),
];
