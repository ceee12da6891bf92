/** Error bodies of the API: `{"error":{"code","message","details"}}` with the statuses of its documentation. */
import type { ResourceRef } from "../records.ts";

export type FieldError = { readonly name: string; readonly messages: readonly string[] };

export class ApiError extends Error {
  override name = "ApiError";
  readonly status: number;
  readonly code: string;
  readonly details: unknown;

  constructor(status: number, code: string, message: string, details: unknown = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.details = details;
  }

  body(): { readonly error: { readonly code: string; readonly message: string; readonly details: unknown } } {
    return { error: { code: this.code, message: this.message, details: this.details } };
  }
}

const readable = (type: string): string => type.replaceAll("_", " ");

export function notFound(type: string, id: number | string): ApiError {
  return new ApiError(404, "not_found", `${readable(type)} with ID '${id}' not found`);
}

export function invalidFields(fields: readonly FieldError[]): ApiError {
  const names = fields.map((field) => `'${field.name}'`).join(", ");
  const message = `invalid input in field${fields.length === 1 ? "" : "s"} ${names}`;
  return new ApiError(422, "invalid_input", message, { fields });
}

export const invalidField = (name: string, message: string): ApiError => invalidFields([{ name, messages: [message] }]);

/** A refusal with one of the operation-specific codes, all of which are 422. */
export const refused = (code: string, message: string): ApiError => new ApiError(422, code, message);

export const locked = (resource: ResourceRef): ApiError =>
  new ApiError(423, "locked", `${readable(resource.type)} with ID '${resource.id}' is locked by a running action`);

export const protectedFrom = (type: string, verb: string): ApiError =>
  new ApiError(423, "protected", `${readable(type)} is protected from ${verb}`);

export const conflict = (resource: ResourceRef): ApiError =>
  new ApiError(409, "conflict", `${readable(resource.type)} with ID '${resource.id}' is being changed, please retry`);

export const notUnique = (type: string, field: string): ApiError =>
  new ApiError(409, "uniqueness_error", `${readable(type)} ${field} is already used`, { fields: [{ name: field }] });

/** The message carries no cause, as with the real API. */
export const noPlacement = (): ApiError => new ApiError(412, "resource_unavailable", "error during placement");

export const limitExceeded = (limit: string): ApiError =>
  new ApiError(403, "resource_limit_exceeded", `${readable(limit)} limit exceeded`, { limits: [{ name: limit }] });

export const removedEndpoint = (message: string, announcement: string): ApiError =>
  new ApiError(410, "deprecated_api_endpoint", message, { announcement });
