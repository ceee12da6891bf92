/** A stand-in in this process, called over gRPC as the engine calls it. */

import assert from "node:assert/strict";
import * as grpc from "@grpc/grpc-js";
import { ResourceProviderClient } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as Pb from "@pulumi/pulumi/proto/provider_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { cloudflarePackage } from "../../../local/plugins/cloudflare/package.ts";
import { providerService } from "../../../local/plugins/core/service.ts";
import type { PackageDefinition } from "../../../local/plugins/core/spec.ts";
import { fromStruct, type Properties, toStruct } from "../../../local/plugins/core/values.ts";
import { hcloudPackage } from "../../../local/plugins/hcloud/package.ts";
import { type LocalCloud, TOKEN } from "./localCloud.ts";

export type Fault = { readonly property: string; readonly reason: string };
export type Diff = {
  readonly changed: boolean;
  readonly replaces: readonly string[];
  readonly deleteBeforeReplace: boolean;
  readonly detailed: Readonly<Record<string, string>>;
};
export type Resource = { readonly id: string; readonly inputs: Properties; readonly outputs: Properties };

/** The engine's view of a failed operation on a resource that exists. */
export type Kept = { readonly id: string; readonly outputs: Properties; readonly reasons: readonly string[] };

export type Provider = {
  readonly client: ResourceProviderClient;
  readonly announced: readonly string[];
  readonly check: (
    type: string,
    news: Properties,
    olds?: Properties,
  ) => Promise<{ inputs: Properties; faults: readonly Fault[] }>;
  readonly diff: (type: string, resource: Resource, news: Properties) => Promise<Diff>;
  /** Check (which must pass), then create. */
  readonly create: (type: string, inputs: Properties) => Promise<Resource>;
  readonly previewCreate: (type: string, inputs: Properties) => Promise<Properties>;
  /** Undefined when it is gone. */
  readonly read: (type: string, resource: Pick<Resource, "id"> & Partial<Resource>) => Promise<Resource | undefined>;
  readonly update: (type: string, resource: Resource, news: Properties) => Promise<Resource>;
  readonly remove: (type: string, resource: Resource) => Promise<void>;
  readonly invoke: (token: string, args: Properties) => Promise<Properties>;
  readonly checkConfig: (news: Properties) => Promise<readonly Fault[]>;
  readonly configure: (settings: Readonly<Record<string, string>>) => Promise<void>;
  readonly cancel: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const KINDS = ["add", "add-replace", "delete", "delete-replace", "update", "update-replace"];

type Call<Request, Response> = (
  request: Request,
  callback: (error: grpc.ServiceError | null, response: Response) => void,
) => unknown;

const ask = <Request, Response>(call: Call<Request, Response>, request: Request): Promise<Response> =>
  new Promise((resolve, reject) => {
    call(request, (error, response) => (error === null ? resolve(response) : reject(error)));
  });

/** What the engine would keep in state after this error; undefined when it keeps nothing. */
export const keptBy = (failure: unknown): Kept | undefined => {
  const [packed] = (failure as Partial<grpc.ServiceError>).metadata?.get("grpc-status-details-bin") ?? [];
  if (packed === undefined) {
    return undefined;
  }
  const [detail] = statusPb.Status.deserializeBinary(packed as Buffer).getDetailsList();
  const init = pb.ErrorResourceInitFailed.deserializeBinary(detail?.getValue_asU8() ?? new Uint8Array());
  return { id: init.getId(), outputs: fromStruct(init.getProperties()), reasons: init.getReasonsList() };
};

const urnOf = (type: string, name: string): string => `urn:pulumi:dev::p::${type}::${name}`;

const faultsOf = (failures: readonly Pb.CheckFailure[]): readonly Fault[] =>
  failures.map((failure) => ({ property: failure.getProperty(), reason: failure.getReason() }));

const detailsOf = (response: Pb.DiffResponse): Readonly<Record<string, string>> => {
  const details: Record<string, string> = {};
  response.getDetaileddiffMap().forEach((entry: Pb.PropertyDiff, path: string) => {
    details[path] = KINDS[entry.getKind()] ?? "?";
  });
  return details;
};

const listenTo = async <Client>(
  definition: PackageDefinition<Client>,
  announced: string[],
): Promise<{ readonly client: ResourceProviderClient; readonly stop: () => void }> => {
  const { service, implementation } = providerService(definition, {
    version: "9.9.9",
    environment: { STAND_IN_RETRY_BASE_MS: "2", STAND_IN_REQUEST_TIMEOUT_MS: "5000" },
    announce: (message) => {
      announced.push(message);
      return Promise.resolve();
    },
  });
  const server = new grpc.Server();
  server.addService(service, implementation);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const client = new ResourceProviderClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  return {
    client,
    stop: () => {
      client.close();
      server.forceShutdown();
    },
  };
};

/** An unconfigured stand-in. */
export const openProvider = async <Client>(definition: PackageDefinition<Client>): Promise<Provider> => {
  const announced: string[] = [];
  const { client, stop } = await listenTo(definition, announced);
  const check: Provider["check"] = async (type, news, olds = {}) => {
    const request = new pb.CheckRequest();
    request.setUrn(urnOf(type, "res"));
    request.setName("res");
    request.setType(type);
    request.setNews(toStruct(news));
    request.setOlds(toStruct(olds));
    const response = await ask<Pb.CheckRequest, Pb.CheckResponse>(client.check.bind(client), request);
    return { inputs: fromStruct(response.getInputs()), faults: faultsOf(response.getFailuresList()) };
  };
  const checked = async (type: string, news: Properties, olds?: Properties): Promise<Properties> => {
    const { inputs, faults } = await check(type, news, olds);
    if (faults.length > 0) {
      throw new Error(faults.map(({ reason }) => reason).join("\n"));
    }
    return inputs;
  };
  const createRequest = (type: string, inputs: Properties, preview: boolean): Pb.CreateRequest => {
    const request = new pb.CreateRequest();
    request.setUrn(urnOf(type, "res"));
    request.setType(type);
    request.setProperties(toStruct(inputs));
    request.setPreview(preview);
    return request;
  };
  const callCreate = client.create.bind(client) as Call<Pb.CreateRequest, Pb.CreateResponse>;
  return {
    client,
    announced,
    check,
    diff: async (type, resource, news) => {
      const request = new pb.DiffRequest();
      request.setId(resource.id);
      request.setUrn(urnOf(type, "res"));
      request.setType(type);
      request.setOlds(toStruct(resource.outputs));
      request.setOldInputs(toStruct(resource.inputs));
      request.setNews(toStruct(await checked(type, news, resource.inputs)));
      const response = await ask<Pb.DiffRequest, Pb.DiffResponse>(client.diff.bind(client), request);
      return {
        changed: response.getChanges() === pb.DiffResponse.DiffChanges.DIFF_SOME,
        replaces: response.getReplacesList(),
        deleteBeforeReplace: response.getDeletebeforereplace(),
        detailed: detailsOf(response),
      };
    },
    create: async (type, given) => {
      const inputs = await checked(type, given);
      const response = await ask(callCreate, createRequest(type, inputs, false));
      return { id: response.getId(), inputs, outputs: fromStruct(response.getProperties()) };
    },
    previewCreate: async (type, given) =>
      fromStruct((await ask(callCreate, createRequest(type, await checked(type, given), true))).getProperties()),
    read: async (type, resource) => {
      const request = new pb.ReadRequest();
      request.setId(resource.id);
      request.setUrn(urnOf(type, "res"));
      request.setType(type);
      request.setProperties(toStruct(resource.outputs ?? {}));
      if (resource.inputs !== undefined) {
        request.setInputs(toStruct(resource.inputs));
      }
      const response = await ask<Pb.ReadRequest, Pb.ReadResponse>(client.read.bind(client), request);
      // To the engine a set map, even an empty one, means that the resource exists.
      assert.equal(response.hasProperties(), response.getId() !== "");
      return response.getId() === ""
        ? undefined
        : {
            id: response.getId(),
            inputs: fromStruct(response.getInputs()),
            outputs: fromStruct(response.getProperties()),
          };
    },
    update: async (type, resource, given) => {
      const inputs = await checked(type, given, resource.inputs);
      const request = new pb.UpdateRequest();
      request.setId(resource.id);
      request.setUrn(urnOf(type, "res"));
      request.setType(type);
      request.setOlds(toStruct(resource.outputs));
      request.setOldInputs(toStruct(resource.inputs));
      request.setNews(toStruct(inputs));
      const response = await ask<Pb.UpdateRequest, Pb.UpdateResponse>(client.update.bind(client), request);
      return { id: resource.id, inputs, outputs: fromStruct(response.getProperties()) };
    },
    remove: async (type, resource) => {
      const request = new pb.DeleteRequest();
      request.setId(resource.id);
      request.setUrn(urnOf(type, "res"));
      request.setType(type);
      request.setProperties(toStruct(resource.outputs));
      request.setOldInputs(toStruct(resource.inputs));
      await ask(client.delete.bind(client) as Call<Pb.DeleteRequest, unknown>, request);
    },
    invoke: async (token, args) => {
      const request = new pb.InvokeRequest();
      request.setTok(token);
      request.setArgs(toStruct(args));
      const response = await ask<Pb.InvokeRequest, Pb.InvokeResponse>(client.invoke.bind(client), request);
      const faults = faultsOf(response.getFailuresList());
      if (faults.length > 0) {
        throw new Error(faults.map(({ reason }) => reason).join("\n"));
      }
      return fromStruct(response.getReturn());
    },
    checkConfig: async (news) => {
      const request = new pb.CheckRequest();
      request.setNews(toStruct(news));
      const response = await ask<Pb.CheckRequest, Pb.CheckResponse>(client.checkConfig.bind(client), request);
      return faultsOf(response.getFailuresList());
    },
    configure: async (settings) => {
      const request = new pb.ConfigureRequest();
      for (const [key, value] of Object.entries(settings)) {
        request.getVariablesMap().set(`${definition.name}:config:${key}`, value);
      }
      await ask<Pb.ConfigureRequest, Pb.ConfigureResponse>(client.configure.bind(client), request);
    },
    cancel: async () => {
      await ask(client.cancel.bind(client) as Call<unknown, unknown>, new emptyPb.Empty());
    },
    close: () => {
      stop();
      return Promise.resolve();
    },
  };
};

export const hcloudProvider = async (cloud: LocalCloud): Promise<Provider> => {
  const provider = await openProvider(hcloudPackage);
  await provider.configure({ endpoint: cloud.hetzner.endpoint, token: TOKEN, pollInterval: "2ms" });
  return provider;
};

export const cloudflareProvider = async (cloud: LocalCloud): Promise<Provider> => {
  const provider = await openProvider(cloudflarePackage);
  await provider.configure({ baseUrl: cloud.cloudflare.endpoint, apiToken: TOKEN });
  return provider;
};
