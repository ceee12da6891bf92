/** The packages that have a stand-in, loaded only when one of them is started. */

import type * as grpc from "@grpc/grpc-js";
import type { ServiceOptions } from "./core/standIn.ts";

type Provider = {
  readonly service: grpc.ServiceDefinition;
  readonly implementation: grpc.UntypedServiceImplementation;
};
type Load = (options: ServiceOptions) => Promise<Provider>;

export const STAND_INS: Readonly<Record<string, Load>> = {
  hcloud: async (options) => {
    const [{ providerService }, { hcloudPackage }] = await Promise.all([
      import("./core/service.ts"),
      import("./hcloud/package.ts"),
    ]);
    return providerService(hcloudPackage, options);
  },
  cloudflare: async (options) => {
    const [{ providerService }, { cloudflarePackage }] = await Promise.all([
      import("./core/service.ts"),
      import("./cloudflare/package.ts"),
    ]);
    return providerService(cloudflarePackage, options);
  },
  command: async (options) => {
    const [{ providerService }, { commandPackage }] = await Promise.all([
      import("./core/service.ts"),
      import("./command/package.ts"),
    ]);
    return providerService(commandPackage(options.announce), options);
  },
};
