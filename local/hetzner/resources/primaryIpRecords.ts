/** Primary IPs as records: made and removed, with their billing. */
import { primaryIpv4 } from "../catalogue/products.ts";
import { nextPublicIpv4, nextPublicIpv6 } from "../engine/addresses.ts";
import type { Cloud } from "../engine/cloud.ts";
import { assertLimit } from "../http/routes.ts";
import type { Labels, PrimaryIpRecord } from "../records.ts";

export type NewPrimaryIp = {
  readonly name?: string;
  readonly type: "ipv4" | "ipv6";
  readonly location: string;
  readonly assignee: number | null;
  readonly autoDelete: boolean;
  readonly labels?: Labels;
};

export function isPublicIpTaken(cloud: Cloud, ip: string): boolean {
  return [cloud.primaryIps, cloud.floatingIps, cloud.loadBalancers].some(
    (collection) => collection.where("ip", ip).length > 0,
  );
}

/** Makes the record; the caller has checked the name. */
export function newPrimaryIp(cloud: Cloud, wish: NewPrimaryIp): PrimaryIpRecord {
  assertLimit(cloud, "primary_ips", cloud.primaryIps.size);
  const id = cloud.store.nextId("primary_ip", 81_000_001);
  const name = wish.name ?? `primary_ip-${id}`;
  if (wish.type === "ipv4") {
    cloud.billing.open({
      resource: "primary_ip",
      resourceId: id,
      name,
      product: "primary_ipv4",
      location: wish.location,
      quantity: 1,
      ...primaryIpv4,
    });
  }
  return cloud.primaryIps.put({
    id,
    name,
    labels: wish.labels ?? {},
    created: cloud.clock.stamp(),
    type: wish.type,
    ip:
      wish.type === "ipv4"
        ? nextPublicIpv4(cloud.store, (ip) => isPublicIpTaken(cloud, ip))
        : nextPublicIpv6(cloud.store),
    location: wish.location,
    assignee: wish.assignee,
    autoDelete: wish.autoDelete,
    protection: { delete: false },
    dnsPtr: {},
  });
}

export function removePrimaryIp(cloud: Cloud, id: number): void {
  cloud.primaryIps.delete(id);
  cloud.billing.close("primary_ip", id);
}
