/** The stand-in for `pulumi-resource-hcloud` 1.41 (terraform-provider-hcloud 1.66). */

import { endpointFaults } from "../core/loopback.ts";
import { requestTimeout } from "../core/http.ts";
import { type Environment, type Fault, oneOf, type PackageDefinition, type Settings, text } from "../core/spec.ts";
import { HcloudApi } from "./api.ts";
import { parseDuration } from "./duration.ts";
import { imageFunctions } from "./functions/images.ts";
import { ipFunctions, networkFunctions, sshKeyFunctions } from "./functions/lookups.ts";
import { serverFunctions } from "./functions/servers.ts";
import { locationFunctions, serverTypeFunctions } from "./functions/types.ts";
import { placementGroup, snapshot, sshKey, uploadedCertificate } from "./resources/basics.ts";
import { firewall, firewallAttachment } from "./resources/firewall.ts";
import { loadBalancer, loadBalancerNetwork } from "./resources/loadBalancer.ts";
import { loadBalancerService } from "./resources/loadBalancerService.ts";
import { loadBalancerTarget } from "./resources/loadBalancerTarget.ts";
import { network, networkRoute, networkSubnet } from "./resources/network.ts";
import { floatingIp, floatingIpAssignment, primaryIp } from "./resources/publicIps.ts";
import { rdns } from "./resources/rdns.ts";
import { server } from "./resources/server.ts";
import { serverNetwork } from "./resources/serverNetworks.ts";
import { volume, volumeAttachment } from "./resources/volume.ts";

/** Types that terraform-provider-hcloud 1.66 implements on the newer framework. */
const FRAMEWORK = new Set([sshKey.token, serverNetwork.token, rdns.token]);

const TOKEN_LENGTH = 64;

const tokenOf = (settings: Settings, environment: Environment): string =>
  settings.token ?? environment.HCLOUD_TOKEN ?? "";

const endpointOf = (settings: Settings, environment: Environment): string =>
  (settings.endpoint ?? environment.HCLOUD_ENDPOINT ?? "").replace(/\/+$/, "");

const tokenFaults = (token: string): readonly Fault[] => {
  if (token === "") {
    return [{ property: "token", reason: "token: missing; set hcloud:token or HCLOUD_TOKEN" }];
  }
  // The value is a secret: only its length may be told.
  return token.length === TOKEN_LENGTH
    ? []
    : [{ property: "token", reason: `token: ${token.length} characters given, exactly ${TOKEN_LENGTH} are needed` }];
};

const pollFaults = (interval: string | undefined): readonly Fault[] =>
  interval === undefined || parseDuration(interval) !== undefined
    ? []
    : [{ property: "pollInterval", reason: `pollInterval: "${interval}" given, a duration such as 500ms is needed` }];

/** Default of the Terraform provider (docs/index.md). */
const POLL_INTERVAL_MS = 500;

export const hcloudPackage: PackageDefinition<HcloudApi> = {
  name: "hcloud",
  settings: {
    token: text("optional", { secret: true }),
    endpoint: text("optional"),
    endpointHetzner: text("optional"),
    pollInterval: text("optional"),
    pollFunction: oneOf("optional", ["constant", "exponential"]),
  },
  bridge: (token) => (FRAMEWORK.has(token) ? "framework" : "sdk"),
  settingFaults: (settings, environment) => [
    ...endpointFaults("endpoint", endpointOf(settings, environment), "HCLOUD_ENDPOINT"),
    ...(settings.endpointHetzner === undefined
      ? []
      : endpointFaults("endpointHetzner", settings.endpointHetzner, "HETZNER_ENDPOINT")),
    ...tokenFaults(tokenOf(settings, environment)),
    ...pollFaults(settings.pollInterval),
  ],
  connect: (settings, environment, signal) =>
    new HcloudApi({
      endpoint: endpointOf(settings, environment),
      token: tokenOf(settings, environment),
      pollIntervalMs: parseDuration(settings.pollInterval ?? "") ?? POLL_INTERVAL_MS,
      pollFunction: settings.pollFunction === "constant" ? "constant" : "exponential",
      timeoutMs: requestTimeout(environment),
      signal,
    }),
  resources: [
    sshKey,
    network,
    networkSubnet,
    networkRoute,
    firewall,
    firewallAttachment,
    placementGroup,
    primaryIp,
    server,
    serverNetwork,
    volume,
    volumeAttachment,
    floatingIp,
    floatingIpAssignment,
    rdns,
    loadBalancer,
    loadBalancerNetwork,
    loadBalancerService,
    loadBalancerTarget,
    uploadedCertificate,
    snapshot,
  ],
  functions: [
    ...serverTypeFunctions,
    ...locationFunctions,
    ...imageFunctions,
    ...networkFunctions,
    ...serverFunctions,
    ...sshKeyFunctions,
    ...ipFunctions,
  ],
};
