/** `connection` of the remote resources: its properties, and what they mean with their defaults. */

import { inputsView, type JsonView } from "../core/json.ts";
import { number, object, type PropertyTable, text } from "../core/spec.ts";
import type { Properties } from "../core/values.ts";

const endpoint: PropertyTable = {
  host: text("required"),
  port: number("optional"),
  user: text("optional"),
  password: text("optional"),
  privateKey: text("optional"),
  privateKeyPassword: text("optional"),
  agentSocketPath: text("optional"),
  hostKey: text("optional"),
  dialErrorLimit: number("optional"),
  perDialTimeout: number("optional"),
};

export const connectionProperty = object("required", { ...endpoint, proxy: object("optional", endpoint) });

export type Endpoint = {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string | undefined;
  readonly privateKey: string | undefined;
  readonly privateKeyPassword: string | undefined;
  readonly agentSocketPath: string | undefined;
  /** Public key in the form of authorized_keys; any key is accepted when it is left out. */
  readonly hostKey: string | undefined;
  /** Failed attempts after which to give up; -1 never does. */
  readonly dialErrorLimit: number;
  /** Milliseconds for each attempt, 0 for no limit. */
  readonly dialTimeoutMs: number;
};

export type Connection = Endpoint & { readonly proxy: Endpoint | undefined };

const optional = (view: JsonView): string | undefined => (view.present ? view.string() : undefined);

/** Defaults of the official plugin (pulumi-command, provider/pkg/provider/remote/connection.go). */
const endpointOf = (view: JsonView): Endpoint => ({
  host: view.at("host").string(),
  port: view.at("port").numberOr(22),
  user: view.at("user").stringOr("root"),
  password: optional(view.at("password")),
  privateKey: optional(view.at("privateKey")),
  privateKeyPassword: optional(view.at("privateKeyPassword")),
  agentSocketPath: optional(view.at("agentSocketPath")),
  hostKey: optional(view.at("hostKey")),
  dialErrorLimit: view.at("dialErrorLimit").numberOr(10),
  dialTimeoutMs: view.at("perDialTimeout").numberOr(15) * 1000,
});

export const connectionOf = (inputs: Properties): Connection => {
  const view = inputsView(inputs).at("connection");
  const proxy = view.at("proxy");
  return { ...endpointOf(view), proxy: proxy.present ? endpointOf(proxy) : undefined };
};
