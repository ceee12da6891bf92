/** The stand-in for `pulumi-resource-cloudflare` 6.22 (terraform-provider-cloudflare 5.22). */

import { requestTimeout } from "../core/http.ts";
import { endpointFaults } from "../core/loopback.ts";
import { type Environment, type PackageDefinition, type Settings, text } from "../core/spec.ts";
import { CloudflareApi } from "./api.ts";
import { cloudflareFunctions } from "./functions.ts";
import { notificationPolicy, r2Bucket } from "./resources/account.ts";
import { loadBalancer, loadBalancerMonitor, loadBalancerPool } from "./resources/loadBalancing.ts";
import { ruleset } from "./resources/ruleset.ts";
import {
  argoSmartRouting,
  argoTieredCaching,
  botManagement,
  dnsRecord,
  healthcheck,
  originCaCertificate,
  originPullsCertificate,
  originPullsSettings,
  tieredCache,
  zoneSetting,
} from "./resources/zone.ts";

const baseUrlOf = (settings: Settings, environment: Environment): string =>
  (settings.baseUrl ?? environment.CLOUDFLARE_BASE_URL ?? "").replace(/\/+$/, "");

const tokenOf = (settings: Settings, environment: Environment): string =>
  settings.apiToken ?? environment.CLOUDFLARE_API_TOKEN ?? "";

/** First wait of cloudflare-go; tests shorten it. */
const retryBase = (environment: Environment): number => {
  const given = Number(environment.STAND_IN_RETRY_BASE_MS ?? "");
  return Number.isFinite(given) && given > 0 ? given : 500;
};

export const cloudflarePackage: PackageDefinition<CloudflareApi> = {
  name: "cloudflare",
  settings: {
    apiToken: text("optional", { secret: true }),
    apiKey: text("optional", { secret: true }),
    apiUserServiceKey: text("optional", { secret: true }),
    email: text("optional"),
    baseUrl: text("optional"),
    userAgentOperatorSuffix: text("optional"),
  },
  bridge: () => "framework",
  settingFaults: (settings, environment) => [
    ...endpointFaults("baseUrl", baseUrlOf(settings, environment), "CLOUDFLARE_BASE_URL"),
    ...(tokenOf(settings, environment) === ""
      ? [{ property: "apiToken", reason: "apiToken: missing; set cloudflare:apiToken or CLOUDFLARE_API_TOKEN" }]
      : []),
  ],
  connect: (settings, environment, signal) =>
    new CloudflareApi({
      baseUrl: baseUrlOf(settings, environment),
      token: tokenOf(settings, environment),
      retryBaseMs: retryBase(environment),
      timeoutMs: requestTimeout(environment),
      signal,
    }),
  resources: [
    dnsRecord,
    zoneSetting,
    ruleset,
    tieredCache,
    argoTieredCaching,
    argoSmartRouting,
    originPullsSettings,
    originPullsCertificate,
    botManagement,
    originCaCertificate,
    healthcheck,
    loadBalancer,
    loadBalancerPool,
    loadBalancerMonitor,
    notificationPolicy,
    r2Bucket,
  ],
  functions: cloudflareFunctions,
};
