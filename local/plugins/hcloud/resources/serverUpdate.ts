/** Changes of a server in place, in the order of the Terraform provider (internal/server/resource.go). */

import { inputsView, type JsonView } from "../../core/json.ts";
import type { Change } from "../../core/spec.ts";
import type { Properties } from "../../core/values.ts";
import type { HcloudApi } from "../api.ts";
import { at, unlessCode } from "../common.ts";
import { assignPrimaryIp, unassignPrimaryIp } from "./publicIps.ts";
import { act, live, powerOn, sshKeyIds, START_PENDING } from "./serverCalls.ts";
import { convergeNetworks } from "./serverNetworks.ts";

export const setBackups = async (api: HcloudApi, id: string, wanted: boolean): Promise<void> => {
  const enabled = (await live(api, id)).at("backup_window").present;
  if (enabled !== wanted) {
    await act(api, id, wanted ? "enable_backup" : "disable_backup");
  }
};

/** Mounts the ISO, or takes it out for an empty name; either way the server restarts. */
export const setIso = async (api: HcloudApi, id: string, iso: string): Promise<void> => {
  const mounted = (await live(api, id)).at("iso").present;
  if (mounted) {
    await act(api, id, "detach_iso");
  }
  if (iso !== "") {
    await act(api, id, "attach_iso", { iso });
  }
  if (mounted || iso !== "") {
    await act(api, id, "reset");
  }
};

export const setRescue = async (api: HcloudApi, id: string, inputs: Properties): Promise<void> => {
  const system = inputsView(inputs).at("rescue").stringOr("");
  const enabled = (await live(api, id)).at("rescue_enabled").boolean();
  if (enabled) {
    await act(api, id, "disable_rescue");
  }
  if (system !== "") {
    const body = { type: system, ssh_keys: await sshKeyIds(api, inputs) };
    await api.retrying("any", () => act(api, id, "enable_rescue", body));
  }
  if (enabled || system !== "") {
    await api.retrying("any", () => act(api, id, "reset"), 10);
  }
};

export const setProtection = (api: HcloudApi, id: string, inputs: Properties): Promise<JsonView> =>
  act(api, id, "change_protection", {
    delete: inputs.deleteProtection === true,
    rebuild: inputs.rebuildProtection === true,
  });

/** Hard off, change, and on again: the API starts the server after a change of type. */
const changeType = async (api: HcloudApi, id: string, inputs: Properties): Promise<void> => {
  const wasRunning = (await live(api, id)).at("status").string() === "running";
  if (wasRunning) {
    await act(api, id, "poweroff");
  }
  await act(api, id, "change_type", {
    server_type: inputsView(inputs).at("serverType").string(),
    upgrade_disk: inputs.keepDisk !== true,
  });
  if (wasRunning && (await live(api, id)).at("status").string() === "off") {
    await powerOn(api, id);
  }
};

const setFirewalls = async (api: HcloudApi, id: string, inputs: Properties): Promise<void> => {
  const wanted = inputsView(inputs)
    .at("firewallIds")
    .list()
    .map((firewall) => firewall.number());
  const applied = (await live(api, id))
    .at("public_net", "firewalls")
    .list()
    .map((firewall) => firewall.at("id").number());
  const resource = [{ type: "server", server: { id: Number(id) } }];
  for (const firewall of applied.filter((item) => !wanted.includes(item))) {
    await unlessCode(["firewall_already_removed"], () =>
      api.act(`/firewalls/${firewall}/actions/remove_from_resources`, { remove_from: resource }),
    );
  }
  for (const firewall of wanted.filter((item) => !applied.includes(item))) {
    await unlessCode(["firewall_already_applied"], () =>
      api.act(`/firewalls/${firewall}/actions/apply_to_resources`, { apply_to: resource }),
    );
  }
};

type Family = "ipv4" | "ipv6";
type Wish = { readonly enabled: boolean; readonly ip: string | undefined };

const wishOf = (inputs: Properties, family: Family): Wish => {
  const [net] = inputsView(inputs).at("publicNets").list();
  const ip = net?.at(family);
  return {
    enabled: net?.at(`${family}Enabled`).booleanOr(true) ?? true,
    ip: ip?.present === true ? String(ip.number()) : undefined,
  };
};

const createPrimaryIp = (api: HcloudApi, server: string, family: Family): Promise<JsonView> =>
  api.act("/primary_ips", {
    name: `primary_ip-${Math.floor(1_000_000 + Math.random() * 9_000_000)}`,
    type: family,
    assignee_id: Number(server),
    assignee_type: "server",
    auto_delete: true,
  });

/** An address the program does not manage dies when it leaves its server. */
const release = async (api: HcloudApi, ip: string, managed: boolean): Promise<void> => {
  await unassignPrimaryIp(api, ip);
  if (!managed) {
    await api.remove(`/primary_ips/${ip}`);
  }
};

const changeFamily = async (api: HcloudApi, id: string, family: Family, before: Wish, after: Wish): Promise<void> => {
  const current = (await live(api, id)).at("public_net", family, "id");
  const assigned = current.present ? String(current.number()) : undefined;
  const wanted = after.enabled ? after.ip : undefined;
  if (
    assigned !== undefined &&
    (!after.enabled || (wanted !== undefined && wanted !== assigned) || before.ip === assigned)
  ) {
    await release(api, assigned, before.ip === assigned);
  }
  if (wanted !== undefined && wanted !== assigned) {
    await assignPrimaryIp(api, wanted, Number(id));
  } else if (after.enabled && wanted === undefined && (assigned === undefined || before.ip === assigned)) {
    await createPrimaryIp(api, id, family);
  }
};

const changePublicNet = async (api: HcloudApi, { id, oldInputs, inputs }: Change): Promise<void> => {
  const changed = (["ipv4", "ipv6"] as const)
    .map((family) => ({ family, before: wishOf(oldInputs, family), after: wishOf(inputs, family) }))
    .filter(({ before, after }) => before.enabled !== after.enabled || before.ip !== after.ip);
  if (changed.length === 0) {
    return;
  }
  const wasRunning = (await live(api, id)).at("status").string() === "running";
  if (wasRunning) {
    await act(api, id, "poweroff");
  }
  try {
    for (const { family, before, after } of changed) {
      await changeFamily(api, id, family, before, after);
    }
  } finally {
    await powerOn(api, id);
  }
};

const setPlacementGroup = async (api: HcloudApi, id: string, inputs: Properties): Promise<void> => {
  if ((await live(api, id)).at("placement_group").present) {
    await act(api, id, "remove_from_placement_group");
  }
  const wanted = inputsView(inputs).at("placementGroupId").numberOr(0);
  if (wanted !== 0) {
    await act(api, id, "add_to_placement_group", { placement_group: wanted });
  }
};

const rename = async (api: HcloudApi, { id, inputs, changed }: Change): Promise<void> => {
  const body = {
    ...(changed("name") ? { name: inputsView(inputs).at("name").string() } : {}),
    ...(changed("labels") ? { labels: inputs.labels ?? {} } : {}),
  };
  if (Object.keys(body).length > 0) {
    await api.put(at("/servers", id), body);
  }
};

export const updateServer = async (api: HcloudApi, change: Change): Promise<void> => {
  const { id, inputs, state, changed } = change;
  await rename(api, change);
  const steps: readonly (readonly [boolean, () => Promise<unknown>])[] = [
    [changed("serverType"), () => changeType(api, id, inputs)],
    [changed("backups"), () => setBackups(api, id, inputs.backups === true)],
    [changed("iso"), () => setIso(api, id, inputsView(inputs).at("iso").stringOr(""))],
    [changed("rescue"), () => setRescue(api, id, inputs)],
    [changed("networks"), () => convergeNetworks(api, id, inputs)],
    [state[START_PENDING] === true, () => powerOn(api, id)],
    [changed("firewallIds"), () => setFirewalls(api, id, inputs)],
    [changed("publicNets"), () => changePublicNet(api, change)],
    [changed("placementGroupId"), () => setPlacementGroup(api, id, inputs)],
    [changed("deleteProtection") || changed("rebuildProtection"), () => setProtection(api, id, inputs)],
  ];
  for (const [due, step] of steps) {
    if (due) {
      await step();
    }
  }
};
