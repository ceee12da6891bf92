import type { Hono } from "hono";
import { z } from "zod";
import { locations } from "../catalogue/locations.ts";
import { trafficBytes } from "../catalogue/money.ts";
import { nextPublicIpv4, nextPublicIpv6 } from "../engine/addresses.ts";
import type { ActionRecord } from "../engine/jobs.ts";
import type { Cloud } from "../engine/cloud.ts";
import { chooseAddress } from "../engine/privateIps.ts";
import { resolveTarget } from "../engine/targets.ts";
import { invalidField, limitExceeded, protectedFrom } from "../http/errors.ts";
import {
  actionView,
  assertLimit,
  assertUniqueName,
  find,
  type Kind,
  namedSorts,
  readRoutes,
  renamed,
} from "../http/routes.ts";
import {
  idOrNameSchema,
  idSchema,
  labelsSchema,
  nameSchema,
  pathId,
  readBody,
  updateSchema,
} from "../http/validate.ts";
import type { LoadBalancerRecord, LoadBalancerTargetRecord } from "../records.ts";
import { ipv4Pointer } from "./commonActions.ts";
import { beginLoadBalancerAction, billingOf, loadBalancerActionRoutes } from "./loadBalancerActions.ts";
import { newService, serviceSchema, withService } from "./loadBalancerServices.ts";
import { newTarget, targetSchema } from "./loadBalancerTargets.ts";
import { isPublicIpTaken } from "./primaryIpRecords.ts";

const algorithmSchema = z.strictObject({ type: z.enum(["round_robin", "least_connections"]) });
const createSchema = z.strictObject({
  name: nameSchema,
  load_balancer_type: idOrNameSchema,
  algorithm: algorithmSchema.nullish(),
  location: z.string().nullish(),
  network_zone: z.string().nullish(),
  network: idSchema.nullish(),
  public_interface: z.boolean().nullish(),
  services: z.array(serviceSchema).nullish(),
  targets: z.array(targetSchema).nullish(),
  labels: labelsSchema.nullish(),
});
type CreateBody = z.output<typeof createSchema>;

function healthStatus(loadBalancer: LoadBalancerRecord, status: string): readonly object[] {
  return loadBalancer.services.map((service) => ({ listen_port: service.listen_port, status }));
}

function targetView(cloud: Cloud, loadBalancer: LoadBalancerRecord, target: LoadBalancerTargetRecord): object {
  const resolved = resolveTarget(cloud, loadBalancer, target);
  const use_private_ip = target.usePrivateIp;
  if (target.type === "label_selector") {
    return {
      type: target.type,
      label_selector: { selector: target.selector },
      use_private_ip,
      targets: resolved.map(({ server, health }) => ({
        type: "server",
        server: { id: server },
        health_status: healthStatus(loadBalancer, health),
        use_private_ip,
      })),
    };
  }
  const shared = { use_private_ip, health_status: healthStatus(loadBalancer, resolved[0]?.health ?? "unhealthy") };
  return target.type === "server"
    ? { type: target.type, server: { id: target.server }, ...shared }
    : { type: target.type, ip: { ip: target.ip }, ...shared };
}

export function loadBalancerView(cloud: Cloud, loadBalancer: LoadBalancerRecord): object {
  const type = cloud.catalogue.loadBalancerType(loadBalancer.loadBalancerType);
  return {
    id: loadBalancer.id,
    name: loadBalancer.name,
    public_net: {
      enabled: loadBalancer.publicEnabled,
      ipv4: { ip: loadBalancer.ipv4, dns_ptr: ipv4Pointer(loadBalancer.ipv4, loadBalancer.dnsPtr) },
      ipv6: { ip: loadBalancer.ipv6, dns_ptr: loadBalancer.dnsPtr[loadBalancer.ipv6] ?? "" },
    },
    private_net: loadBalancer.privateNets,
    location: cloud.catalogue.location(loadBalancer.location),
    load_balancer_type: cloud.catalogue.loadBalancerTypeView(type),
    protection: loadBalancer.protection,
    labels: loadBalancer.labels,
    targets: loadBalancer.targets.map((target) => targetView(cloud, loadBalancer, target)),
    services: loadBalancer.services,
    algorithm: { type: loadBalancer.algorithm },
    outgoing_traffic: null,
    ingoing_traffic: null,
    included_traffic: trafficBytes(type.offer.terabytes),
    created: loadBalancer.created,
  };
}

function locationOf(cloud: Cloud, body: CreateBody): string {
  if ((body.location == null) === (body.network_zone == null)) {
    throw invalidField("location", "Give either a location or a network_zone.");
  }
  if (body.location != null) return cloud.catalogue.location(body.location).name;
  const inZone = locations.find((location) => location.network_zone === body.network_zone);
  if (inZone === undefined) throw invalidField("network_zone", `network zone '${body.network_zone}' not found`);
  return inZone.name;
}

function attached(cloud: Cloud, location: string, id: number | null | undefined): LoadBalancerRecord["privateNets"] {
  if (id == null) return [];
  const network = find(cloud.networks, "network", id);
  const zone = cloud.catalogue.location(location).network_zone;
  return [{ network: id, ip: chooseAddress(cloud, network, zone, {}) }];
}

function create(cloud: Cloud, body: CreateBody): { loadBalancer: LoadBalancerRecord; action: ActionRecord } {
  assertUniqueName(cloud.loadBalancers, "load_balancer", body.name);
  assertLimit(cloud, "load_balancers", cloud.loadBalancers.size);
  const type = cloud.catalogue.loadBalancerType(body.load_balancer_type);
  const location = locationOf(cloud, body);
  let record: LoadBalancerRecord = {
    id: cloud.store.nextId("load_balancer", 4_200_001),
    name: body.name,
    labels: body.labels ?? {},
    created: cloud.clock.stamp(),
    location,
    loadBalancerType: type.id,
    algorithm: body.algorithm?.type ?? "round_robin",
    publicEnabled: body.public_interface ?? true,
    ipv4: nextPublicIpv4(cloud.store, (ip) => isPublicIpTaken(cloud, ip)),
    ipv6: nextPublicIpv6(cloud.store).replace("::/64", "::1"),
    dnsPtr: {},
    privateNets: attached(cloud, location, body.network),
    services: [],
    targets: [],
    protection: { delete: false },
  };
  if ((body.services ?? []).length > type.maxServices) throw limitExceeded("load_balancer_services");
  for (const input of body.services ?? []) {
    record = { ...record, services: withService(record.services, newService(cloud, input)) };
  }
  for (const input of body.targets ?? []) {
    record = { ...record, targets: [...record.targets, newTarget(cloud, record, input)] };
  }
  const loadBalancer = cloud.loadBalancers.put(record);
  cloud.billing.open(billingOf(loadBalancer, type));
  return { loadBalancer, action: beginLoadBalancerAction(cloud, loadBalancer, "create_load_balancer") };
}

export function loadBalancerRoutes(cloud: Cloud): Hono {
  const { loadBalancers } = cloud;
  const view = (loadBalancer: LoadBalancerRecord): object => loadBalancerView(cloud, loadBalancer);
  const kind: Kind<LoadBalancerRecord> = {
    type: "load_balancer",
    key: "load_balancers",
    collection: loadBalancers,
    view,
    labelled: true,
    sorts: namedSorts,
  };
  const app = readRoutes(cloud, kind);
  app.post("/", async (context) => {
    const body = await readBody(context, cloud.local.observer, createSchema);
    const { loadBalancer, action } = cloud.change(() => create(cloud, body));
    return context.json({ load_balancer: view(loadBalancer), action: actionView(cloud, action) }, 201);
  });
  app.put("/:id", async (context) => {
    const body = await readBody(context, cloud.local.observer, updateSchema);
    const loadBalancer = cloud.change(() =>
      loadBalancers.put(renamed(loadBalancers, kind.type, find(loadBalancers, kind.type, pathId(context)), body)),
    );
    return context.json({ load_balancer: view(loadBalancer) });
  });
  // An action since hcloud-python 2.27; older clients expect 204 and read no body. Gone at once for all of them.
  app.delete("/:id", (context) => {
    const action = cloud.change(() => {
      const loadBalancer = find(loadBalancers, kind.type, pathId(context));
      if (loadBalancer.protection.delete) throw protectedFrom(kind.type, "deletion");
      loadBalancers.delete(loadBalancer.id);
      cloud.billing.close("load_balancer", loadBalancer.id);
      return beginLoadBalancerAction(cloud, loadBalancer, "delete_load_balancer");
    });
    return context.json({ action: actionView(cloud, action) });
  });
  loadBalancerActionRoutes(app, cloud, kind);
  return app;
}
