/** Calls that several parts of the server definition make. */

import { inputsView, type JsonView } from "../../core/json.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at } from "../common.ts";

/** Marks a server in state that was made without power and must still be started. */
export const START_PENDING = "__startPending";

export const act = (api: HcloudApi, id: string, action: string, body: Properties = {}): Promise<JsonView> =>
  api.act(`${at("/servers", id)}/actions/${action}`, body);

export const live = async (api: HcloudApi, id: string): Promise<JsonView> =>
  (await api.get(at("/servers", id))).at("server");

export const powerOn = (api: HcloudApi, id: string): Promise<JsonView> =>
  api.retrying("any", () => act(api, id, "poweron"));

/** Ids of the named keys: the API itself would take names, but would not say which of them is missing. */
export const sshKeyIds = async (api: HcloudApi, inputs: Properties): Promise<readonly number[]> => {
  const wanted = inputsView(inputs).at("sshKeys").list();
  return Promise.all(
    wanted.map(async (key) => {
      const found = await api.byIdOrName("/ssh_keys", { one: "ssh_key", many: "ssh_keys" }, key.string());
      if (found === undefined) {
        throw new Error(`sshKeys: SSH key "${key.string()}" not found`);
      }
      return found.at("id").number();
    }),
  );
};
