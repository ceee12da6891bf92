/** Actions several resources share: deletion protection and reverse DNS. */
import type { Hono } from "hono";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import type { Collection } from "../../shared/collection.ts";
import { defaultPointer } from "../engine/addresses.ts";
import { type AnyJob, defineJob } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { invalidField } from "../http/errors.ts";
import type { Listable } from "../http/listing.ts";
import { actionRoute, type Kind } from "../http/routes.ts";
import type { DeleteProtection, DnsPointers } from "../records.ts";

type Protectable = { readonly id: number; readonly protection: DeleteProtection };
type ProtectedType = "network" | "volume" | "primary_ip" | "floating_ip" | "load_balancer" | "image";
type Pointed = { readonly id: number; readonly dnsPtr: DnsPointers };
type PointedType = "primary_ip" | "floating_ip" | "load_balancer";

/** Narrow views of the collections: only the field the job changes matters here, the rest is carried along. */
function protectables(cloud: Cloud, type: ProtectedType): Collection<Protectable> {
  const collections = {
    network: cloud.networks,
    volume: cloud.volumes,
    primary_ip: cloud.primaryIps,
    floating_ip: cloud.floatingIps,
    load_balancer: cloud.loadBalancers,
    image: cloud.images,
  };
  return collections[type] as unknown as Collection<Protectable>;
}

function pointed(cloud: Cloud, type: PointedType): Collection<Pointed> {
  const collections = {
    primary_ip: cloud.primaryIps,
    floating_ip: cloud.floatingIps,
    load_balancer: cloud.loadBalancers,
  };
  return collections[type] as unknown as Collection<Pointed>;
}

const changeProtection = defineJob<{ readonly type: ProtectedType; readonly id: number; readonly delete: boolean }>(
  "common.change_protection",
  {
    apply: (cloud, args) => {
      const collection = protectables(cloud, args.type);
      const record = collection.get(args.id);
      if (record !== undefined) collection.put({ ...record, protection: { delete: args.delete } });
    },
  },
);

export function protectionRoute<T extends Protectable & Listable>(app: Hono, cloud: Cloud, kind: Kind<T>): void {
  const schema = z.strictObject({ delete: z.boolean().nullish() });
  actionRoute(app, cloud, kind, "change_protection", schema, (record, body) =>
    cloud.actions.begin({
      command: "change_protection",
      resources: [{ id: record.id, type: kind.type }],
      job: changeProtection.call({
        type: kind.type as ProtectedType,
        id: record.id,
        delete: body.delete ?? record.protection.delete,
      }),
    }),
  );
}

const changePointer = defineJob<{
  readonly type: PointedType;
  readonly id: number;
  readonly ip: string;
  readonly pointer: string | null;
}>("common.change_dns_ptr", {
  apply: (cloud, { type, id, ip, pointer }) => {
    const collection = pointed(cloud, type);
    const record = collection.get(id);
    if (record === undefined) return;
    const { [ip]: _replaced, ...others } = record.dnsPtr;
    collection.put({ ...record, dnsPtr: pointer === null ? others : { ...others, [ip]: pointer } });
  },
});

export const commonJobs: readonly AnyJob[] = [changeProtection, changePointer];

export const pointerSchema = z.strictObject({ ip: z.string(), dns_ptr: z.string().min(1).nullable() });

/** An address that owns pointers: where they are kept, and the address or /64 they may be set for. */
export type PointerOwner = { readonly type: PointedType; readonly id: number; readonly range: string };

function isWithin(ip: string, range: string): boolean {
  if (!ipaddr.isValid(ip)) return false;
  if (!range.includes("/")) return ipaddr.parse(ip).toString() === ipaddr.parse(range).toString();
  const address = ipaddr.parse(ip);
  const [network, bits] = ipaddr.parseCIDR(range);
  return address.kind() === network.kind() && address.match(network, bits);
}

/** `POST /:id/actions/change_dns_ptr` for a resource with one or two owners of pointers. */
export function pointerRoute<T extends Listable>(
  app: Hono,
  cloud: Cloud,
  kind: Kind<T>,
  ownersOf: (record: T) => readonly PointerOwner[],
): void {
  actionRoute(app, cloud, kind, "change_dns_ptr", pointerSchema, (record, body) => {
    const owner = ownersOf(record).find(({ range }) => isWithin(body.ip, range));
    if (owner === undefined) throw invalidField("ip", `'${body.ip}' does not belong to this ${kind.type}.`);
    return cloud.actions.begin({
      command: "change_dns_ptr",
      resources: [{ id: record.id, type: kind.type }],
      job: changePointer.call({ type: owner.type, id: owner.id, ip: body.ip, pointer: body.dns_ptr }),
    });
  });
}

export const ipv4Pointer = (ip: string, pointers: DnsPointers): string => pointers[ip] ?? defaultPointer(ip);
