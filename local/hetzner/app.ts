/** The Hetzner Cloud API of the local cloud as a Hono app: `/v1` for clients, `/_local` for steering. */
import { Hono } from "hono";
import type { ApiApp, LocalContext } from "../shared/context.ts";
import { createControlApp } from "../shared/control.ts";
import { createRateLimit, type RateLimit } from "../shared/rateLimit.ts";
import { observeRequests } from "../shared/requests.ts";
import { hetznerControl } from "./control.ts";
import type { MachineDriver } from "./driver.ts";
import { Cloud } from "./engine/cloud.ts";
import { destroyMachines, reviveMachines } from "./engine/machines.ts";
import { ApiError } from "./http/errors.ts";
import { list } from "./http/listing.ts";
import { authenticated, errorHandler, rateLimited, renderFault, unknownRoute } from "./http/middleware.ts";
import { actionListOptions, actionView, find } from "./http/routes.ts";
import { pathId } from "./http/validate.ts";
import {
  datacenterRoutes,
  isoRoutes,
  loadBalancerTypeRoutes,
  locationRoutes,
  pricingRoutes,
  serverTypeRoutes,
} from "./resources/catalogueReads.ts";
import { certificateJobs, certificateRoutes } from "./resources/certificates.ts";
import { commonJobs } from "./resources/commonActions.ts";
import { firewallJobs, firewallRoutes } from "./resources/firewalls.ts";
import { floatingIpJobs, floatingIpRoutes } from "./resources/floatingIps.ts";
import { imageJobs, imageRoutes } from "./resources/images.ts";
import { loadBalancerJobs } from "./resources/loadBalancerActions.ts";
import { loadBalancerRoutes } from "./resources/loadBalancers.ts";
import { networkJobs } from "./resources/networkActions.ts";
import { networkRoutes } from "./resources/networks.ts";
import { placementGroupRoutes } from "./resources/placementGroups.ts";
import { primaryIpJobs } from "./resources/primaryIpBinding.ts";
import { primaryIpRoutes } from "./resources/primaryIps.ts";
import { backupJobs, serverImageJobs } from "./resources/serverImages.ts";
import { serverJobs } from "./resources/serverJobs.ts";
import { serverRoutes } from "./resources/servers.ts";
import { sshKeyRoutes } from "./resources/sshKeys.ts";
import { volumeJobs } from "./resources/volumeJobs.ts";
import { volumeRoutes } from "./resources/volumes.ts";

export type HetznerOptions = {
  readonly context: LocalContext;
  readonly token: string;
  readonly driver: MachineDriver;
  /** More routes for `/_local`. */
  readonly control?: Hono;
};

const jobs = [
  ...commonJobs,
  ...networkJobs,
  ...firewallJobs,
  ...primaryIpJobs,
  ...floatingIpJobs,
  ...volumeJobs,
  ...imageJobs,
  ...certificateJobs,
  ...loadBalancerJobs,
  ...serverJobs,
  ...serverImageJobs,
  ...backupJobs,
];

/** Requests per hour of one project (some accounts have 7200), refilled by one a second. */
const hourlyRequests = 3600;

function actionRoutes(cloud: Cloud): Hono {
  const app = new Hono();
  app.get("/", (context) => {
    const ids = context.req.queries("id");
    // Listing all actions of a project ended on 2025-01-30; waiters name the ones they want.
    if (ids === undefined) {
      throw new ApiError(410, "deprecated_api_endpoint", "GET /actions needs the id parameter", {
        announcement: "https://docs.hetzner.cloud/changelog",
      });
    }
    const found = ids.flatMap((id) => cloud.actions.records.get(Number(id)) ?? []);
    const options = actionListOptions(cloud, found);
    // The filter is applied above, by look-up.
    return list(context, cloud.local.observer, { ...options, filters: { ...options.filters, id: () => true } });
  });
  app.get("/:id", (context) =>
    context.json({ action: actionView(cloud, find(cloud.actions.records, "action", pathId(context))) }),
  );
  return app;
}

function apiRoutes(cloud: Cloud): Hono {
  const app = new Hono();
  app.route("/actions", actionRoutes(cloud));
  app.route("/certificates", certificateRoutes(cloud));
  app.route("/datacenters", datacenterRoutes());
  app.route("/firewalls", firewallRoutes(cloud));
  app.route("/floating_ips", floatingIpRoutes(cloud));
  app.route("/images", imageRoutes(cloud));
  app.route("/isos", isoRoutes(cloud));
  app.route("/load_balancers", loadBalancerRoutes(cloud));
  app.route("/load_balancer_types", loadBalancerTypeRoutes(cloud));
  app.route("/locations", locationRoutes(cloud));
  app.route("/networks", networkRoutes(cloud));
  app.route("/placement_groups", placementGroupRoutes(cloud));
  app.route("/pricing", pricingRoutes(cloud));
  app.route("/primary_ips", primaryIpRoutes(cloud));
  app.route("/server_types", serverTypeRoutes(cloud));
  app.route("/servers", serverRoutes(cloud));
  app.route("/ssh_keys", sshKeyRoutes(cloud));
  app.route("/volumes", volumeRoutes(cloud));
  return app;
}

function hookResets(cloud: Cloud, rateLimit: RateLimit): void {
  const { resetHooks } = cloud.local;
  resetHooks.before.add(async () => {
    cloud.actions.abandon();
    cloud.selectors.stop();
    await cloud.actions.idle();
    await destroyMachines(cloud);
  });
  resetHooks.after.add(() => {
    rateLimit.configure(hourlyRequests, 1);
    cloud.network.syncSoon();
  });
}

export function createHetznerApp({ context: local, token, driver, control }: HetznerOptions): ApiApp {
  const cloud = new Cloud(local, driver, jobs);
  const rateLimit = createRateLimit(local.clock, hourlyRequests, 1);
  const app = new Hono();
  app.onError(errorHandler(local));
  app.notFound(unknownRoute(local));
  const own = hetznerControl(cloud, rateLimit);
  if (control !== undefined) own.route("/", control);
  app.route("/_local", createControlApp(local, token, own));
  app.use(observeRequests(local, { api: "hetzner", prefix: "/v1", renderError: renderFault }));
  app.use(rateLimited(rateLimit));
  app.use(authenticated(token));
  app.route("/v1", apiRoutes(cloud));

  hookResets(cloud, rateLimit);
  driver.onPowerChange((id, power) => cloud.powerChanged(id, power));
  cloud.actions.resume();
  reviveMachines(cloud).catch((error: unknown) => local.log(`machines: ${String(error)}`));
  return {
    app,
    close: () => {
      cloud.actions.abandon();
      cloud.selectors.stop();
      return Promise.resolve();
    },
  };
}
