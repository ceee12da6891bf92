/** Error bodies of API v4: `{"success":false,"errors":[{"code","message"}],"messages":[],"result":null}`. */

export type ErrorItem = {
  readonly code: number;
  readonly message: string;
  /** Where in the body the fault is, as the Rulesets API tells it. */
  readonly source?: { readonly pointer: string };
};

export class CloudflareError extends Error {
  readonly status: number;
  readonly items: readonly ErrorItem[];

  constructor(status: number, ...items: readonly ErrorItem[]) {
    super(items.map(({ code, message }) => `${message} (${code})`).join("; "));
    this.name = "CloudflareError";
    this.status = status;
    this.items = items;
  }
}

export const refused = (code: number, message: string): CloudflareError => new CloudflareError(400, { code, message });
export const missing = (code: number, message: string): CloudflareError => new CloudflareError(404, { code, message });

/** Path with an object id of the wrong form (docs: "Could not route"). */
export const badIdentifier = (path: string): CloudflareError =>
  new CloudflareError(400, {
    code: 7003,
    message: `Could not route to ${path}, perhaps your object identifier is invalid?`,
  });

export const noRoute = (): CloudflareError => missing(7000, "No route for that URI");
export const noAccess = (): CloudflareError =>
  new CloudflareError(403, { code: 9109, message: "Unauthorized to access requested resource" });
