/**
 * The `ResourceProvider` gRPC service over a package definition.
 *
 * Handshake answers `acceptSecrets: false`: the engine then removes secrets before each call and marks the outputs of
 * the same name secret again, nested ones too, so no code here ever sees or handles one.
 */

import type * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as Pb from "@pulumi/pulumi/proto/provider_pb.js";
import { completeService, unary } from "../rpc/server.ts";
import type { PackageDefinition } from "./spec.ts";
import { type ServiceOptions, StandIn } from "./standIn.ts";

const SERVICE = ResourceProviderService as unknown as grpc.ServiceDefinition;

/** The gRPC service and its handlers for one package. */
export const providerService = <Client>(
  definition: PackageDefinition<Client>,
  options: ServiceOptions,
): { readonly service: grpc.ServiceDefinition; readonly implementation: grpc.UntypedServiceImplementation } => {
  const standIn = new StandIn(definition, options);
  const implementation = completeService(SERVICE, {
    handshake: unary(() => standIn.handshake()),
    getSchema: unary(() => standIn.schema()),
    checkConfig: unary((request: Pb.CheckRequest) => standIn.checkConfig(request)),
    diffConfig: unary((request: Pb.DiffRequest) => standIn.diffConfig(request)),
    configure: unary((request: Pb.ConfigureRequest) => standIn.configure(request)),
    invoke: unary((request: Pb.InvokeRequest) => standIn.invoke(request)),
    check: unary((request: Pb.CheckRequest) => standIn.check(request)),
    diff: unary((request: Pb.DiffRequest) => standIn.diff(request)),
    create: unary((request: Pb.CreateRequest) => standIn.create(request)),
    read: unary((request: Pb.ReadRequest) => standIn.read(request)),
    update: unary((request: Pb.UpdateRequest) => standIn.update(request)),
    delete: unary((request: Pb.DeleteRequest) => standIn.remove(request)),
    cancel: unary(() => standIn.cancel()),
    getPluginInfo: unary(() => standIn.pluginInfo()),
  });
  return { service: SERVICE, implementation };
};
