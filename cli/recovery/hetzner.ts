/** Finds what an interrupted creation left at Hetzner. Field names of the API: docs.hetzner.cloud. */
import { until } from "../process/pause.ts";
import type { Api } from "./api.ts";
import { type Finder, type Inputs, type Orphan, text } from "./orphan.ts";

type Named = {
  readonly id: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly protection?: { readonly delete?: boolean; readonly rebuild?: boolean };
};

/** Collections whose resources have actions. */
const acting = ["servers", "networks", "volumes", "firewalls", "primary_ips"] as const;

const settling = { everyMs: 100, timeoutMs: 60_000 };

/**
 * Waits until no action runs. What was cut off may still be going on in the cloud: a subnet that is being added is not
 * listed yet, and a server that is being made cannot be deleted.
 */
export async function settle(api: Api, signal: AbortSignal): Promise<void> {
  for (const collection of acting) {
    const look = async (): Promise<true | undefined> => {
      const page = (await api.get(`/${collection}/actions?status=running`)) as { readonly actions: readonly unknown[] };
      return page.actions.length === 0 ? true : undefined;
    };
    if ((await until(look, settling, signal)) === undefined) {
      throw new Error(`an action of ${collection} still runs after ${settling.timeoutMs / 1000} s`);
    }
  }
}

/** The one resource of that name: names are unique per project and type. */
async function byName(api: Api, collection: string, inputs: Inputs): Promise<Named | undefined> {
  const page = await api.get(`/${collection}?name=${encodeURIComponent(text(inputs, "name"))}`);
  return (page as Readonly<Record<string, readonly Named[]>> | undefined)?.[collection]?.[0];
}

type Step = (api: Api, path: string, found: Named) => Promise<void>;

/** A protected resource cannot be deleted, and the protection may have been set before the interruption. */
const unprotect: Step = async (api, path, { protection }) => {
  if (protection?.delete !== true) return;
  const rebuild = protection.rebuild === undefined ? {} : { rebuild: false };
  await api.send("POST", `${path}/actions/change_protection`, { delete: false, ...rebuild });
};

const detachVolume: Step = async (api, path, found) => {
  const { server } = found as Named & { readonly server?: number | null };
  if (server !== undefined && server !== null) await api.send("POST", `${path}/actions/detach`);
};

const removeFirewall: Step = async (api, path, found) => {
  const { applied_to: targets = [] } = found as Named & { readonly applied_to?: readonly unknown[] };
  if (targets.length > 0) await api.send("POST", `${path}/actions/remove_from_resources`, { remove_from: targets });
};

const named =
  (singular: string, collection: string, ...before: readonly Step[]): Finder =>
  async (inputs, { hetzner, settled }) => {
    const found = await byName(hetzner, collection, inputs);
    if (found === undefined) return undefined;
    const path = `/${collection}/${found.id}`;
    return {
      what: `${singular} ${text(inputs, "name")} (id ${found.id})`,
      id: String(found.id),
      ...(found.labels === undefined ? {} : { labels: found.labels }),
      remove: async () => {
        for (const step of before) {
          await step(hetzner, path, found);
          await settled();
        }
        await hetzner.send("DELETE", path);
      },
    };
  };

type Network = {
  readonly subnets: readonly { readonly ip_range: string }[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
};

const networkOf = async (api: Api, inputs: Inputs): Promise<Network | undefined> => {
  const body = await api.get(`/networks/${text(inputs, "networkId")}`);
  return (body as { readonly network: Network } | undefined)?.network;
};

const subnet: Finder = async (inputs, { hetzner }) => {
  const [id, range] = [text(inputs, "networkId"), text(inputs, "ipRange")];
  const network = await networkOf(hetzner, inputs);
  if (network?.subnets.some((found) => found.ip_range === range) !== true) return undefined;
  const remove = (): Promise<void> =>
    hetzner.send("POST", `/networks/${id}/actions/delete_subnet`, { ip_range: range });
  return { what: `subnet ${range} of network ${id}`, id: `${id}-${range}`, remove };
};

const route: Finder = async (inputs, { hetzner }) => {
  const [id, destination] = [text(inputs, "networkId"), text(inputs, "destination")];
  const found = (await networkOf(hetzner, inputs))?.routes.find((entry) => entry.destination === destination);
  if (found === undefined) return undefined;
  const remove = (): Promise<void> => hetzner.send("POST", `/networks/${id}/actions/delete_route`, found);
  return { what: `route ${destination} of network ${id}`, id: `${id}-${destination}`, remove };
};

const volumeAttachment: Finder = async (inputs, { hetzner }): Promise<Orphan | undefined> => {
  const volume = text(inputs, "volumeId");
  const body = await hetzner.get(`/volumes/${volume}`);
  const server = (body as { readonly volume: { readonly server: number | null } } | undefined)?.volume.server;
  if (server === undefined || server === null || String(server) !== text(inputs, "serverId")) return undefined;
  const remove = (): Promise<void> => hetzner.send("POST", `/volumes/${volume}/actions/detach`);
  return { what: `attachment of volume ${volume} to server ${server}`, id: volume, remove };
};

export const hetznerFinders: Readonly<Record<string, Finder>> = {
  "hcloud:index/server:Server": named("server", "servers", unprotect),
  "hcloud:index/network:Network": named("network", "networks", unprotect),
  "hcloud:index/firewall:Firewall": named("firewall", "firewalls", removeFirewall),
  "hcloud:index/placementGroup:PlacementGroup": named("placement group", "placement_groups"),
  "hcloud:index/primaryIp:PrimaryIp": named("primary IP", "primary_ips", unprotect),
  "hcloud:index/sshKey:SshKey": named("SSH key", "ssh_keys"),
  "hcloud:index/volume:Volume": named("volume", "volumes", unprotect, detachVolume),
  "hcloud:index/networkSubnet:NetworkSubnet": subnet,
  "hcloud:index/networkRoute:NetworkRoute": route,
  "hcloud:index/volumeAttachment:VolumeAttachment": volumeAttachment,
};
