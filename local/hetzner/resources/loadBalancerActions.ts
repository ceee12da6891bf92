import type { Hono } from "hono";
import { z } from "zod";
import type { LoadBalancerTypeEntry } from "../catalogue/products.ts";
import { type ActionRecord, type AnyJob, defineJob } from "../engine/jobs.ts";
import type { BillingOpening } from "../engine/billing.ts";
import type { Cloud } from "../engine/cloud.ts";
import { chooseAddress, releaseAddress } from "../engine/privateIps.ts";
import { invalidField, limitExceeded, refused } from "../http/errors.ts";
import { actionRoute, find, type Kind } from "../http/routes.ts";
import { emptyBody, idOrNameSchema, idSchema } from "../http/validate.ts";
import type { LoadBalancerRecord } from "../records.ts";
import { pointerRoute, protectionRoute } from "./commonActions.ts";
import { newService, serviceSchema, serviceUpdateSchema, updatedService, withService } from "./loadBalancerServices.ts";
import { isSameTarget, newTarget, targetRemovalSchema, targetSchema } from "./loadBalancerTargets.ts";

/** Load balancers change at once; the action stands for bringing the change to the packets. */
const carryOut = defineJob<{ readonly loadBalancer: number }>("load_balancer.carry_out", { sync: true });

export const loadBalancerJobs: readonly AnyJob[] = [carryOut];

/** Actions of one load balancer follow one another; they do not exclude one another. */
export function beginLoadBalancerAction(cloud: Cloud, loadBalancer: LoadBalancerRecord, command: string): ActionRecord {
  const self = { id: loadBalancer.id, type: "load_balancer" };
  return cloud.actions.begin({
    command,
    resources: [self],
    behind: cloud.actions.runningOn(self),
    job: carryOut.call({ loadBalancer: loadBalancer.id }),
  });
}

export const billingOf = (loadBalancer: LoadBalancerRecord, type: LoadBalancerTypeEntry): BillingOpening => ({
  resource: "load_balancer",
  resourceId: loadBalancer.id,
  name: loadBalancer.name,
  product: type.name,
  location: loadBalancer.location,
  quantity: 1,
  month: type.offer.month,
  hour: type.offer.hour,
});

type LoadBalancerKind = Kind<LoadBalancerRecord>;

export function loadBalancerActionRoutes(app: Hono, cloud: Cloud, kind: LoadBalancerKind): void {
  const change = <B>(
    name: string,
    schema: z.ZodType<B>,
    work: (loadBalancer: LoadBalancerRecord, body: B) => Partial<LoadBalancerRecord>,
  ): void =>
    actionRoute(app, cloud, kind, name, schema, (loadBalancer, body) => {
      const next = cloud.loadBalancers.put({ ...loadBalancer, ...work(loadBalancer, body) });
      return beginLoadBalancerAction(cloud, next, name);
    });

  change("add_service", serviceSchema, (loadBalancer, body) => {
    const type = cloud.catalogue.loadBalancerType(loadBalancer.loadBalancerType);
    if (loadBalancer.services.length >= type.maxServices) throw limitExceeded("load_balancer_services");
    return { services: withService(loadBalancer.services, newService(cloud, body)) };
  });
  change("update_service", serviceUpdateSchema, (loadBalancer, body) => {
    const old = serviceOn(loadBalancer, body.listen_port);
    const next = updatedService(cloud, old, body);
    return { services: loadBalancer.services.map((service) => (service === old ? next : service)) };
  });
  change("delete_service", z.strictObject({ listen_port: z.int() }), (loadBalancer, body) => {
    const old = serviceOn(loadBalancer, body.listen_port);
    return { services: loadBalancer.services.filter((service) => service !== old) };
  });
  change("add_target", targetSchema, (loadBalancer, body) => ({
    targets: [...loadBalancer.targets, newTarget(cloud, loadBalancer, body)],
  }));
  change("remove_target", targetRemovalSchema, (loadBalancer, body) => {
    const targets = loadBalancer.targets.filter((target) => !isSameTarget(target, body));
    if (targets.length === loadBalancer.targets.length) {
      throw refused("load_balancer_target_not_found", "the load balancer has no such target");
    }
    return { targets };
  });
  change("change_algorithm", z.strictObject({ type: z.enum(["round_robin", "least_connections"]) }), (_, body) => ({
    algorithm: body.type,
  }));
  change("change_type", z.strictObject({ load_balancer_type: idOrNameSchema }), (loadBalancer, body) => {
    const type = cloud.catalogue.loadBalancerType(body.load_balancer_type);
    if (loadBalancer.targets.length > type.maxTargets || loadBalancer.services.length > type.maxServices) {
      throw refused("invalid_load_balancer_type", `${type.name} is too small for this load balancer`);
    }
    cloud.billing.reopen(billingOf(loadBalancer, type));
    return { loadBalancerType: type.id };
  });
  networkRoutes(cloud, change);
  protectionRoute(app, cloud, kind);
  pointerRoute(app, cloud, kind, (loadBalancer) => [
    { type: "load_balancer", id: loadBalancer.id, range: loadBalancer.ipv4 },
    { type: "load_balancer", id: loadBalancer.id, range: loadBalancer.ipv6 },
  ]);
}

function serviceOn(loadBalancer: LoadBalancerRecord, listenPort: number): LoadBalancerRecord["services"][number] {
  const service = loadBalancer.services.find((candidate) => candidate.listen_port === listenPort);
  if (service === undefined) throw invalidField("listen_port", `no service listens on ${listenPort}`);
  return service;
}

type Change = <B>(
  name: string,
  schema: z.ZodType<B>,
  work: (loadBalancer: LoadBalancerRecord, body: B) => Partial<LoadBalancerRecord>,
) => void;

function networkRoutes(cloud: Cloud, change: Change): void {
  const attachSchema = z.strictObject({ network: idSchema, ip: z.string().nullish(), ip_range: z.string().nullish() });
  change("attach_to_network", attachSchema, (loadBalancer, body) => {
    const network = find(cloud.networks, "network", body.network);
    if (loadBalancer.privateNets.length > 0) {
      throw refused("load_balancer_already_attached", "the load balancer is already attached to a network");
    }
    cloud.actions.assertUnchanging({ id: network.id, type: "network" });
    const zone = cloud.catalogue.location(loadBalancer.location).network_zone;
    const ip = chooseAddress(cloud, network, zone, { ip: body.ip, ipRange: body.ip_range });
    return { privateNets: [{ network: network.id, ip }] };
  });
  change("detach_from_network", z.strictObject({ network: idSchema }), (loadBalancer, body) => {
    const net = loadBalancer.privateNets.find((candidate) => candidate.network === body.network);
    if (net === undefined) {
      throw refused("load_balancer_not_attached_to_network", `the load balancer is not in network ${body.network}`);
    }
    releaseAddress(cloud, net.network, net.ip);
    // Private targets cannot be reached any more and go with the network.
    return { privateNets: [], targets: loadBalancer.targets.filter((target) => !target.usePrivateIp) };
  });
  change("enable_public_interface", emptyBody, () => ({ publicEnabled: true }));
  change("disable_public_interface", emptyBody, (loadBalancer) => {
    if (loadBalancer.targets.some((target) => !target.usePrivateIp)) {
      throw refused("targets_without_use_private_ip", "the load balancer has targets that use the public IP");
    }
    return { publicEnabled: false };
  });
}
