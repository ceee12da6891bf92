/** What every stand-in process does with calls it has no answer for. */

import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import * as grpc from "@grpc/grpc-js";
import { LanguageRuntimeClient, LanguageRuntimeService } from "@pulumi/pulumi/proto/language_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/language_pb.js";
import { completeService, RpcError, serverStream, unary } from "../../../local/plugins/rpc/server.ts";

const service = LanguageRuntimeService as unknown as grpc.ServiceDefinition;

describe("a gRPC service of a stand-in", () => {
  let server: grpc.Server;
  let client: LanguageRuntimeClient;
  before(async () => {
    server = new grpc.Server();
    const handlers = {
      pack: unary(() => Promise.reject(new RpcError(grpc.status.ABORTED, "told with a status of its own"))),
      link: unary(() => {
        throw new Error("a mistake of the code");
      }),
      installDependencies: serverStream(() => Promise.reject(new Error("broken stream"))),
    };
    server.addService(service, completeService(service, handlers));
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      );
    });
    client = new LanguageRuntimeClient(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
  });
  after(() => {
    client.close();
    server.forceShutdown();
  });

  type Callback = (error: grpc.ServiceError | null) => void;
  const ended = (call: (callback: Callback) => unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      call((error) => (error === null ? resolve() : reject(error)));
    });
  const drained = (stream: grpc.ClientReadableStream<unknown>): Promise<void> =>
    new Promise((resolve, reject) => {
      stream.on("data", () => undefined);
      stream.once("error", reject);
      stream.once("end", resolve);
    });

  it("refuses unary and streaming methods in their own kind, and goes on serving", async () => {
    await assert.rejects(
      ended((callback) => client.about(new pb.AboutRequest(), callback)),
      { code: grpc.status.UNIMPLEMENTED, details: /LanguageRuntime\/About is not implemented by this stand-in/ },
    );
    await assert.rejects(drained(client.runPlugin(new pb.RunPluginRequest())), {
      code: grpc.status.UNIMPLEMENTED,
      details: /RunPlugin is not implemented/,
    });
    await assert.rejects(
      ended((callback) => client.about(new pb.AboutRequest(), callback)),
      { code: grpc.status.UNIMPLEMENTED },
    );
  });

  it("passes on a status, and makes any other failure an internal one with its message", async () => {
    await assert.rejects(
      ended((callback) => client.pack(new pb.PackRequest(), callback)),
      { code: grpc.status.ABORTED, details: "told with a status of its own" },
    );
    await assert.rejects(
      ended((callback) => client.link(new pb.LinkRequest(), callback)),
      { code: grpc.status.INTERNAL, details: "a mistake of the code" },
    );
    await assert.rejects(drained(client.installDependencies(new pb.InstallDependenciesRequest())), {
      code: grpc.status.INTERNAL,
      details: "broken stream",
    });
  });
});
