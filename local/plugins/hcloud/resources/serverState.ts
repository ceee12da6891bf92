/** A live server as the state of the resource and as the result of the data sources. */

import { compact, inputsView, type JsonView } from "../../core/json.ts";
import type { Properties, Value } from "../../core/values.ts";
import { idOf } from "../common.ts";
import { firstOfIpv6 } from "./addresses.ts";
import { networkState } from "./serverNetworks.ts";

const imageState = (server: JsonView, known: Properties): Value | undefined => {
  const image = server.at("image");
  if (!image.present) {
    return undefined;
  }
  const id = idOf(image);
  // A name only where the program did not ask for the id.
  return image.at("name").present && known.image !== id ? image.at("name").string() : id;
};

const firewallState = (server: JsonView, known: Properties): Value => {
  if (known.ignoreRemoteFirewallIds === true && known.firewallIds !== undefined) {
    return known.firewallIds;
  }
  return server
    .at("public_net", "firewalls")
    .list()
    .map((firewall) => firewall.at("id").number());
};

const addressState = (server: JsonView): Properties => {
  const ipv4 = server.at("public_net", "ipv4", "ip");
  const ipv6 = server.at("public_net", "ipv6", "ip");
  return compact({
    ipv4Address: ipv4.present ? ipv4.string() : undefined,
    ipv6Address: ipv6.present ? firstOfIpv6(ipv6.string()) : undefined,
    ipv6Network: ipv6.present ? ipv6.string() : undefined,
  });
};

export const serverState = (server: JsonView, known: Properties): Properties => ({
  name: server.at("name").string(),
  serverType: server.at("server_type", "name").string(),
  location: server.at("location", "name").string(),
  // Removed from the API on 2026-07-01; the property stays in the schema.
  datacenter: "",
  status: server.at("status").string(),
  backups: server.at("backup_window").present,
  backupWindow: server.at("backup_window").stringOr(""),
  labels: server.at("labels").object(),
  firewallIds: firewallState(server, known),
  deleteProtection: server.at("protection", "delete").boolean(),
  rebuildProtection: server.at("protection", "rebuild").boolean(),
  primaryDiskSize: server.at("primary_disk_size").number(),
  ...addressState(server),
  ...compact({
    image: imageState(server, known),
    placementGroupId: server.at("placement_group").present ? server.at("placement_group", "id").number() : undefined,
    networks: inputsView(known).at("networks").list().length > 0 ? networkState(server, known) : undefined,
  }),
});
