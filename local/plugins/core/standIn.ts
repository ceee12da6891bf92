/** What a stand-in answers to each call of the engine. */

import * as grpc from "@grpc/grpc-js";
import type * as Pb from "@pulumi/pulumi/proto/provider_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import pluginPb from "@pulumi/pulumi/proto/plugin_pb.js";
import emptyPb from "google-protobuf/google/protobuf/empty_pb.js";
import { RpcError } from "../rpc/server.ts";
import { checkInputs } from "./check.ts";
import { difference } from "./diff.ts";
import { diffResponse, failures, keepingUnfinished, namingOf, settingsOf, typeOfUrn } from "./messages.ts";
import { createResource, readResource, updateResource } from "./operations.ts";
import { packageSchema } from "./schema.ts";
import type { Environment, PackageDefinition, ResourceDefinition } from "./spec.ts";
import { forecastCreate, forecastUpdate } from "./state.ts";
import { containsUnknown, fromStruct, type Properties, toStruct } from "./values.ts";

export type ServiceOptions = {
  readonly version: string;
  readonly environment: Environment;
  /** Says something to the person who runs the engine; called once, when the provider is configured. */
  readonly announce: (message: string) => Promise<void>;
};

/** All state of one plugin process. The engine starts one process per provider resource. */
export class StandIn<Client> {
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
    return diffResponse(
      difference(
        this.#resource(request).properties,
        { inputs: fromStruct(request.getOldInputs()), outputs: fromStruct(request.getOlds()) },
        fromStruct(request.getNews()),
      ),
    );
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
