/** `getImage` and `getImages`. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import { flag, type FunctionDefinition, list, number, STRING, text } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { byId, bySelector, exactlyOne, listId, optional, type Source, statusQuery } from "./choose.ts";

const IMAGES: Source = { path: "/images", one: "image", many: "images", noun: "image" };

const imageState = (image: JsonView): Properties => ({
  id: image.at("id").number(),
  name: image.at("name").stringOr(""),
  description: image.at("description").string(),
  type: image.at("type").string(),
  architecture: image.at("architecture").string(),
  created: image.at("created").stringOr(""),
  deprecated: image.at("deprecated").stringOr(""),
  osFlavor: image.at("os_flavor").string(),
  osVersion: image.at("os_version").stringOr(""),
  rapidDeploy: image.at("rapid_deploy").booleanOr(false),
  labels: image.at("labels").object(),
});

const deprecatedQuery = (args: Properties): string =>
  inputsView(args).at("includeDeprecated").booleanOr(false) ? "&include_deprecated=true" : "";

const byName = async (api: HcloudApi, args: Properties): Promise<JsonView> => {
  const name = optional(args, "name") ?? "";
  const architecture = optional(args, "withArchitecture") ?? "x86";
  const query = `?name=${encodeURIComponent(name)}&architecture=${architecture}${deprecatedQuery(args)}${statusQuery(args)}`;
  const [image] = await api.list("/images", "images", query);
  if (image === undefined) {
    throw new Error(`image "${name}" for architecture ${architecture} not found`);
  }
  return image;
};

const architectures = (args: Properties, property: string): string => {
  const value = inputsView(args).at(property);
  const names = value.present
    ? typeof value.value === "string"
      ? [value.string()]
      : value.list().map((item) => item.string())
    : [];
  return names.map((name) => `&architecture=${encodeURIComponent(name)}`).join("");
};

export const imageFunctions: readonly FunctionDefinition<HcloudApi>[] = [
  {
    token: "hcloud:index/getImage:getImage",
    args: {
      id: number("optional"),
      name: text("optional"),
      selector: text("optional"),
      withSelector: text("optional"),
      withArchitecture: text("optional"),
      withStatuses: list("optional", STRING),
      includeDeprecated: flag("optional"),
      mostRecent: flag("optional"),
    },
    contradictions: exactlyOne("id", "name", "withSelector"),
    call: async (api, args) => {
      const found =
        (await byId(api, IMAGES, args)) ??
        (args.name === undefined
          ? await bySelector(
              api,
              IMAGES,
              args,
              `${architectures(args, "withArchitecture")}${deprecatedQuery(args)}${statusQuery(args)}`,
            )
          : await byName(api, args));
      return { ...args, ...imageState(found) };
    },
  },
  {
    token: "hcloud:index/getImages:getImages",
    args: {
      withSelector: text("optional"),
      withArchitectures: list("optional", STRING),
      withStatuses: list("optional", STRING),
      includeDeprecated: flag("optional"),
      mostRecent: flag("optional"),
    },
    call: async (api, args) => {
      const selector = encodeURIComponent(optional(args, "withSelector") ?? "");
      const query = `?label_selector=${selector}${architectures(args, "withArchitectures")}${deprecatedQuery(args)}${statusQuery(args)}`;
      const found = await api.list("/images", "images", query);
      return { ...compact(args), id: listId(found), images: found.map(imageState) };
    },
  },
];
