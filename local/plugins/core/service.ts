/**
 * The `ResourceProvider` gRPC service over a package definition.
 *
 * Handshake answers `acceptSecrets: false`: the engine then removes secrets before each call and marks the outputs of
 * the same name secret again, nested ones too, so no code here ever sees or handles one.
 */

import * as grpc from "@grpc/grpc-js";
import { ResourceProviderService } from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import type * as Pb from "@pulumi/pulumi/proto/provider_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { completeService, RpcError, unary } from "../rpc/server.ts";
import { checkInputs, type Naming } from "./check.ts";
import { type DiffKind, difference } from "./diff.ts";
import { createResource, readResource, Unfinished, updateResource } from "./operations.ts";
import { packageSchema } from "./schema.ts";
import type { Environment, Fault, PackageDefinition, ResourceDefinition, Settings } from "./spec.ts";
import { forecastCreate, forecastUpdate } from "./state.ts";
import { containsUnknown, fromStruct, type Properties, toStruct } from "./values.ts";

const SERVICE = ResourceProviderService as unknown as grpc.ServiceDefinition;

const unfinishedError = (failure: Unfinished): RpcError => {
  const detail = new pb.ErrorResourceInitFailed();
  detail.setId(failure.id);
  detail.setProperties(toStruct(failure.outputs));
  detail.setInputs(toStruct(failure.inputs));
  detail.setReasonsList([failure.message]);
  const packed = new anyPb.Any();
  packed.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new statusPb.Status();
  status.setCode(grpc.status.FAILED_PRECONDITION);
  status.setMessage(failure.message);
  status.addDetails(packed);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return new RpcError(grpc.status.FAILED_PRECONDITION, failure.message, metadata);
};

/** Keeps a resource that exists although its operation failed; other failures pass through. */
const keepingUnfinished = async <Result>(operation: Promise<Result>): Promise<Result> => {
  try {
    return await operation;
  } catch (failure) {
    throw failure instanceof Unfinished ? unfinishedError(failure) : failure;
  }
};

const typeOfUrn = (urn: string): string => urn.split("::")[2]?.split("$").at(-1) ?? "";

const failures = (faults: readonly Fault[]): Pb.CheckFailure[] =>
  faults.map(({ property, reason }) => {
    const failure = new pb.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    return failure;
  });

const MODES = ["propose", "enforce", "disable"] as const;

const namingOf = (request: Pb.CheckRequest): Naming => {
  const options = request.getAutonaming();
  const mode = options === undefined ? undefined : MODES[options.getMode()];
  const base = { resourceName: request.getName(), seed: request.getRandomseed_asU8() };
  return options === undefined || mode === undefined
    ? base
    : { ...base, proposed: { name: options.getProposedName(), mode } };
};

const KINDS: Readonly<Record<DiffKind, readonly [plain: 0 | 2 | 4, replacing: 1 | 3 | 5]>> = {
  add: [pb.PropertyDiff.Kind.ADD, pb.PropertyDiff.Kind.ADD_REPLACE],
  delete: [pb.PropertyDiff.Kind.DELETE, pb.PropertyDiff.Kind.DELETE_REPLACE],
  update: [pb.PropertyDiff.Kind.UPDATE, pb.PropertyDiff.Kind.UPDATE_REPLACE],
};

const settingsOf = (packageName: string, variables: Iterable<readonly [string, string]>): Settings => {
  const prefix = `${packageName}:config:`;
  return Object.fromEntries(
    [...variables].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
};

export type ServiceOptions = {
  readonly version: string;
  readonly environment: Environment;
  /** Says something to the person who runs the engine; called once, when the provider is configured. */
  readonly announce: (message: string) => Promise<void>;
};

/** All state of one plugin process. The engine starts one process per provider resource. */
class StandIn<Client> {
  readonly #definition: PackageDefinition<Client>;
  readonly #options: ServiceOptions;
  readonly #resources: ReadonlyMap<string, ResourceDefinition<Client>>;
  readonly #cancelled = new AbortController();
  #client: Client | undefined;

  constructor(definition: PackageDefinition<Client>, options: ServiceOptions) {
    this.#definition = definition;
    this.#options = options;
    this.#resources = new Map(definition.resources.map((resource) => [resource.token, resource]));
  }

  #connected(): Client {
    if (this.#client === undefined) {
      throw new RpcError(grpc.status.FAILED_PRECONDITION, `${this.#definition.name}: provider is not configured`);
    }
    return this.#client;
  }

  #resource(request: { getType(): string; getUrn(): string }): ResourceDefinition<Client> {
    const token = request.getType() || typeOfUrn(request.getUrn());
    const found = this.#resources.get(token);
    if (found === undefined) {
      const known = [...this.#resources.keys()].map((key) => key.split(":").at(-1)).join(", ");
      throw new RpcError(
        grpc.status.UNIMPLEMENTED,
        `${token}: the stand-in ${this.#definition.name} plugin does not know this resource type (it knows ${known})`,
      );
    }
    return found;
  }

  handshake(): Pb.ProviderHandshakeResponse {
    const response = new pb.ProviderHandshakeResponse();
    response.setAcceptSecrets(false);
    response.setAcceptResources(false);
    response.setAcceptOutputs(false);
    response.setSupportsAutonamingConfiguration(true);
    return response;
  }

  schema(): Pb.GetSchemaResponse {
    const response = new pb.GetSchemaResponse();
    response.setSchema(packageSchema(this.#definition, this.#options.version));
    return response;
  }

  checkConfig(request: Pb.CheckRequest): Pb.CheckResponse {
    const news = fromStruct(request.getNews());
    const { version: _, pluginDownloadURL: __, ...given } = news;
    const { faults } = checkInputs(this.#definition.settings, undefined, {
      olds: {},
      news: given,
      recordDefaults: false,
    });
    const settings = Object.fromEntries(Object.entries(given).map(([key, value]) => [key, String(value)]));
    const all =
      faults.length > 0 || containsUnknown(given)
        ? faults
        : this.#definition.settingFaults(settings, this.#options.environment);
    const response = new pb.CheckResponse();
    response.setInputs(toStruct(news));
    response.setFailuresList(failures(all));
    return response;
  }

  diffConfig(request: Pb.DiffRequest): Pb.DiffResponse {
    const { detailed } = difference(
      this.#definition.settings,
      { inputs: fromStruct(request.getOldInputs()), outputs: {} },
      fromStruct(request.getNews()),
    );
    const response = new pb.DiffResponse();
    response.setChanges(
      detailed.size > 0 ? pb.DiffResponse.DiffChanges.DIFF_SOME : pb.DiffResponse.DiffChanges.DIFF_NONE,
    );
    return response;
  }

  async configure(request: Pb.ConfigureRequest): Promise<Pb.ConfigureResponse> {
    const settings = settingsOf(this.#definition.name, request.getVariablesMap().toArray());
    const faults = this.#definition.settingFaults(settings, this.#options.environment);
    if (faults.length > 0) {
      throw new RpcError(grpc.status.INVALID_ARGUMENT, faults.map(({ reason }) => reason).join("\n"));
    }
    this.#client = this.#definition.connect(settings, this.#options.environment, this.#cancelled.signal);
    await this.#options.announce(
      `${this.#definition.name}: stand-in plugin of this repository, not the official one; it talks to local emulators only`,
    );
    const response = new pb.ConfigureResponse();
    response.setSupportspreview(true);
    response.setSupportsAutonamingConfiguration(true);
    return response;
  }

  check(request: Pb.CheckRequest): Pb.CheckResponse {
    const definition = this.#resource(request);
    const { inputs, faults } = checkInputs(definition.properties, definition.contradictions, {
      olds: fromStruct(request.getOlds()),
      news: fromStruct(request.getNews()),
      recordDefaults: this.#definition.bridge(definition.token) === "sdk",
      naming: namingOf(request),
    });
    const response = new pb.CheckResponse();
    response.setInputs(toStruct(inputs));
    response.setFailuresList(failures(faults));
    return response;
  }

  diff(request: Pb.DiffRequest): Pb.DiffResponse {
    const result = difference(
      this.#resource(request).properties,
      { inputs: fromStruct(request.getOldInputs()), outputs: fromStruct(request.getOlds()) },
      fromStruct(request.getNews()),
    );
    const { DIFF_NONE, DIFF_SOME } = pb.DiffResponse.DiffChanges;
    const response = new pb.DiffResponse();
    response.setChanges(result.changed.length > 0 ? DIFF_SOME : DIFF_NONE);
    response.setReplacesList([...result.replaces]);
    response.setStablesList([...result.stables]);
    response.setDiffsList([...result.changed]);
    response.setDeletebeforereplace(result.deleteBeforeReplace);
    response.setHasdetaileddiff(true);
    for (const [path, { kind, replace }] of result.detailed) {
      const entry = new pb.PropertyDiff();
      entry.setKind(KINDS[kind][replace ? 1 : 0]);
      entry.setInputdiff(true);
      response.getDetaileddiffMap().set(path, entry);
    }
    return response;
  }

  async create(request: Pb.CreateRequest): Promise<Pb.CreateResponse> {
    const definition = this.#resource(request);
    const inputs = fromStruct(request.getProperties());
    const response = new pb.CreateResponse();
    if (request.getPreview()) {
      response.setProperties(toStruct(forecastCreate(definition.properties, inputs)));
      return response;
    }
    const { id, outputs } = await keepingUnfinished(createResource(this.#connected(), definition, inputs));
    response.setId(id);
    response.setProperties(toStruct(outputs));
    return response;
  }

  async read(request: Pb.ReadRequest): Promise<Pb.ReadResponse> {
    const given = request.getInputs();
    const found = await readResource(this.#connected(), this.#resource(request), {
      id: request.getId(),
      state: fromStruct(request.getProperties()),
      inputs: given === undefined || given.getFieldsMap().getLength() === 0 ? undefined : fromStruct(given),
    });
    const response = new pb.ReadResponse();
    // No id and no properties tell the engine that the resource is gone; an empty map would be a resource without any.
    if (found !== undefined) {
      response.setId(found.id);
      response.setProperties(toStruct(found.outputs));
      response.setInputs(toStruct(found.inputs));
    }
    return response;
  }

  async update(request: Pb.UpdateRequest): Promise<Pb.UpdateResponse> {
    const definition = this.#resource(request);
    const state = fromStruct(request.getOlds());
    const inputs = fromStruct(request.getNews());
    const response = new pb.UpdateResponse();
    const outputs = request.getPreview()
      ? forecastUpdate(definition.properties, state, inputs)
      : await keepingUnfinished(
          updateResource(this.#connected(), definition, {
            id: request.getId(),
            state,
            oldInputs: fromStruct(request.getOldInputs()),
            inputs,
          }),
        );
    response.setProperties(toStruct(outputs));
    return response;
  }

  async remove(request: Pb.DeleteRequest): Promise<object> {
    const state = { ...fromStruct(request.getOldInputs()), ...fromStruct(request.getProperties()) };
    await this.#resource(request).remove(this.#connected(), request.getId(), state);
    return new emptyPb.Empty();
  }

  async invoke(request: Pb.InvokeRequest): Promise<Pb.InvokeResponse> {
    const found = this.#definition.functions.find(({ token }) => token === request.getTok());
    if (found === undefined) {
      throw new RpcError(
        grpc.status.UNIMPLEMENTED,
        `${request.getTok()}: the stand-in ${this.#definition.name} plugin does not know this function`,
      );
    }
    const { inputs, faults } = checkInputs(found.args, found.contradictions, {
      olds: {},
      news: fromStruct(request.getArgs()),
      recordDefaults: false,
    });
    const response = new pb.InvokeResponse();
    if (faults.length > 0) {
      response.setFailuresList(failures(faults));
      return response;
    }
    const result: Properties = await found.call(this.#connected(), inputs);
    response.setReturn(toStruct(result));
    return response;
  }

  pluginInfo() {
    const info = new pluginPb.PluginInfo();
    info.setVersion(this.#options.version);
    return info;
  }

  cancel(): object {
    this.#cancelled.abort();
    return new emptyPb.Empty();
  }
}

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
