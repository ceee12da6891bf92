/** What the Hetzner Cloud API refuses or fails to do. */

import * as grpc from "@grpc/grpc-js";
import { grpcStatus } from "../core/http.ts";
import { JsonView } from "../core/json.ts";
import type { Value } from "../core/values.ts";
import { RpcError } from "../rpc/server.ts";

const fieldsOf = (error: JsonView): string => {
  const fields = error.at("details", "fields").list();
  const told = fields.map((field) => {
    const messages = field
      .at("messages")
      .list()
      .map((message) => message.string());
    return `${field.at("name").stringOr("?")}${messages.length > 0 ? `: ${messages.join(", ")}` : ""}`;
  });
  return told.length > 0 ? ` [${told.join("; ")}]` : "";
};

/** A refusal by the API. */
export class HcloudError extends RpcError {
  readonly errorCode: string;
  readonly status: number;

  constructor(request: string, status: number, body: Value | undefined) {
    const error = new JsonView(body, "answer").at("error");
    const code = error.at("code").stringOr(`http_${status}`);
    super(grpcStatus(status), `${request}: ${error.at("message").stringOr("no message")} (${code})${fieldsOf(error)}`);
    this.name = "HcloudError";
    this.errorCode = code;
    this.status = status;
  }
}

/** An action that the API accepted and then failed to carry out. */
export class ActionFailed extends RpcError {
  readonly errorCode: string;

  constructor(action: JsonView) {
    const code = action.at("error", "code").stringOr("unknown");
    super(
      grpc.status.FAILED_PRECONDITION,
      `action ${action.at("command").stringOr("?")} ${action.at("id").numberOr(0)}: ${action.at("error", "message").stringOr("failed")} (${code})`,
    );
    this.name = "ActionFailed";
    this.errorCode = code;
  }
}

export const hasCode = (failure: unknown, ...codes: readonly string[]): boolean =>
  (failure instanceof HcloudError || failure instanceof ActionFailed) && codes.includes(failure.errorCode);
