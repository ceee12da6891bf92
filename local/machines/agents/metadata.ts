import { createServer, type Server } from "node:http";
import { stringify } from "yaml";
import type { Asked, Instance } from "./config.ts";

type Answer = { readonly status: number; readonly body: string };

const notFound: Answer = { status: 404, body: "not found\n" };

/** cloud-init reads YAML 1.1, in which an unquoted MAC address of digits is a number in base 60. */
const toYaml = (value: unknown): string => stringify(value, { version: "1.1" });

const text = (value: unknown): string => (typeof value === "string" ? value : String(value));

/**
 * Hetzner's metadata service (docs.hetzner.cloud, "Server Metadata"): the whole document as YAML, single values by name, and
 * the user-data.
 */
export const answerMetadata = (path: string, instance: Instance): Answer => {
  const [, name] = /^\/hetzner\/v1\/(.+?)\/?$/.exec(path) ?? [];
  if (name === "userdata") return { status: 200, body: instance.userData };
  if (name === "metadata") return { status: 200, body: toYaml(instance.metadata) };
  const key = name?.startsWith("metadata/") ? name.slice("metadata/".length) : undefined;
  if (key === undefined) return notFound;
  if (key === "private-networks") return { status: 200, body: toYaml(instance.privateNetworks) };
  if (key === "public-keys") return { status: 200, body: JSON.stringify(instance.metadata[key]) };
  const single = ["hostname", "instance-id", "public-ipv4", "availability-zone", "region"].includes(key);
  return single ? { status: 200, body: text(instance.metadata[key]) } : notFound;
};

/** A server that knows each machine by the address it asks from, and where; the network makes sure that address is true. */
export const metadataServer = (find: (asked: Asked) => Instance | undefined): Server =>
  createServer((request, response) => {
    const { localAddress = "", remoteAddress = "" } = request.socket;
    const instance = find({ at: localAddress, by: remoteAddress });
    const { status, body } =
      instance === undefined ? notFound : answerMetadata((request.url ?? "/").replace(/\?.*/, ""), instance);
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8" }).end(body);
  });
