/**
 * What every stand-in gRPC process of the Pulumi engine does alike: listen on loopback, announce the port in the first
 * line of standard output, answer each method the service knows, and go away with the engine that started it.
 */

import * as grpc from "@grpc/grpc-js";

/** A failure with a gRPC status of its own. Any other exception becomes `INTERNAL` and keeps its message. */
export class RpcError extends Error {
  readonly code: grpc.status;
  readonly metadata: grpc.Metadata | undefined;

  constructor(code: grpc.status, message: string, metadata?: grpc.Metadata) {
    super(message);
    this.name = "RpcError";
    this.code = code;
    this.metadata = metadata;
  }
}

type Handler = grpc.UntypedHandleCall;

const toServiceError = (failure: unknown): Partial<grpc.ServiceError> => {
  if (failure instanceof RpcError) {
    return {
      code: failure.code,
      details: failure.message,
      ...(failure.metadata === undefined ? {} : { metadata: failure.metadata }),
    };
  }
  return { code: grpc.status.INTERNAL, details: failure instanceof Error ? failure.message : String(failure) };
};

/** Turns an async function of the request into a unary gRPC handler. */
export const unary = <Request, Response>(answer: (request: Request) => Promise<Response> | Response): Handler => {
  const handler = (call: grpc.ServerUnaryCall<Request, Response>, callback: grpc.sendUnaryData<Response>): void => {
    Promise.resolve()
      .then(() => answer(call.request))
      .then(
        (response) => callback(null, response),
        (failure: unknown) => callback(toServiceError(failure)),
      );
  };
  return handler as Handler;
};

/** Turns an async function that writes to the call into a server-streaming handler; the stream ends when it resolves. */
export const serverStream = <Request, Response>(
  answer: (call: grpc.ServerWritableStream<Request, Response>) => Promise<void>,
): Handler => {
  const handler = (call: grpc.ServerWritableStream<Request, Response>): void => {
    answer(call).then(
      () => call.end(),
      (failure: unknown) => call.emit("error", toServiceError(failure)),
    );
  };
  return handler as Handler;
};

const unimplemented = (method: grpc.MethodDefinition<unknown, unknown>): Handler => {
  const refusal = new RpcError(grpc.status.UNIMPLEMENTED, `${method.path} is not implemented by this stand-in`);
  // A unary answer to a streaming method kills the process ("error reading from server: EOF" in the engine).
  return method.responseStream
    ? serverStream<unknown, unknown>(() => Promise.reject(refusal))
    : unary<unknown, unknown>(() => Promise.reject(refusal));
};

/** Adds an `UNIMPLEMENTED` answer, of the right kind, for every method of the service that `handlers` leaves out. */
export const completeService = (
  service: grpc.ServiceDefinition,
  handlers: Readonly<Record<string, Handler>>,
): grpc.UntypedServiceImplementation =>
  Object.fromEntries(
    Object.entries(service).map(([name, method]) => [
      name,
      handlers[name] ?? unimplemented(method as grpc.MethodDefinition<unknown, unknown>),
    ]),
  );

const listen = (server: grpc.Server): Promise<number> =>
  new Promise((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (failure, port) => {
      if (failure === null) {
        resolve(port);
      } else {
        reject(failure);
      }
    });
  });

/** An engine killed with SIGKILL cannot stop its plugins: without this they would stay for ever. */
export const exitWithParent = (everyMs = 500): void => {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) {
      process.exit(0);
    }
  }, everyMs).unref();
};

/**
 * Serves until the process ends.
 * @returns the port, already announced on standard output as the engine expects.
 */
export const serve = async (
  service: grpc.ServiceDefinition,
  implementation: grpc.UntypedServiceImplementation,
): Promise<number> => {
  // State of a large stack is far above the default of 4 MiB (the engine's own limit is 400 MiB).
  const limit = 400 * 1024 * 1024;
  const server = new grpc.Server({ "grpc.max_receive_message_length": limit, "grpc.max_send_message_length": limit });
  server.addService(service, implementation);
  const port = await listen(server);
  exitWithParent();
  process.stdout.write(`${port}\n`);
  return port;
};
