/** One-way messages to the engine that started this plugin. */

import * as grpc from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb.js";
import pb from "@pulumi/pulumi/proto/engine_pb.js";

/** Shows one line in the run's diagnostics. Failures are ignored: a message must never stop a deployment. */
export const tellEngine = (address: string, message: string): Promise<void> => {
  const client = new EngineClient(address, grpc.credentials.createInsecure());
  const request = new pb.LogRequest();
  request.setSeverity(pb.LogSeverity.INFO);
  request.setMessage(message);
  return new Promise((resolve) => {
    client.log(request, () => {
      client.close();
      resolve();
    });
  });
};
