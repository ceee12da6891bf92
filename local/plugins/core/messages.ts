/** Between the messages of the engine and the types of the core. */

import * as grpc from "@grpc/grpc-js";
import type * as Pb from "@pulumi/pulumi/proto/provider_pb.js";
import pb from "@pulumi/pulumi/proto/provider_pb.js";
import statusPb from "@pulumi/pulumi/proto/status_pb.js";
import anyPb from "google-protobuf/google/protobuf/any_pb.js";
import { RpcError } from "../rpc/server.ts";
import type { Naming } from "./check.ts";
import type { DiffKind, Difference } from "./diff.ts";
import { Unfinished } from "./operations.ts";
import type { Fault, Settings } from "./spec.ts";
import { toStruct } from "./values.ts";

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
export const keepingUnfinished = async <Result>(operation: Promise<Result>): Promise<Result> => {
  try {
    return await operation;
  } catch (failure) {
    throw failure instanceof Unfinished ? unfinishedError(failure) : failure;
  }
};

export const typeOfUrn = (urn: string): string => urn.split("::")[2]?.split("$").at(-1) ?? "";

export const failures = (faults: readonly Fault[]): Pb.CheckFailure[] =>
  faults.map(({ property, reason }) => {
    const failure = new pb.CheckFailure();
    failure.setProperty(property);
    failure.setReason(reason);
    return failure;
  });

const MODES = ["propose", "enforce", "disable"] as const;

export const namingOf = (request: Pb.CheckRequest): Naming => {
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

export const settingsOf = (packageName: string, variables: Iterable<readonly [string, string]>): Settings => {
  const prefix = `${packageName}:config:`;
  return Object.fromEntries(
    [...variables].filter(([key]) => key.startsWith(prefix)).map(([key, value]) => [key.slice(prefix.length), value]),
  );
};

export const diffResponse = (result: Difference): Pb.DiffResponse => {
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
};
