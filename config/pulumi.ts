import { Config, type Output } from "@pulumi/pulumi";
import { parsePlatform } from "./parse.ts";
import { configNamespace } from "./pulumi-key.ts";
import type { PlatformConfig } from "./schema.ts";

/**
 * The stack's validated `chitlaq:platform`. With its neighbours here the only reader of Pulumi's config.
 * Throws `ConfigError` with every fault.
 */
export function loadPlatform(): PlatformConfig {
  return parsePlatform(new Config(configNamespace).getObject<unknown>("platform"));
}

/** The flat secret `chitlaq:secret-<name>`, or undefined where the stack has none; a stack works without any. */
export function loadSecret(name: string): Output<string> | undefined {
  return new Config(configNamespace).getSecret(`secret-${name}`);
}

/**
 * Hetzner's API as the provider finds it: `hcloud:token` before `HCLOUD_TOKEN`, `hcloud:endpoint` before `HCLOUD_ENDPOINT`.
 * Null without a token. The token is for requests only: it must not reach an output, a log or an error.
 */
export function loadHetznerAccess(): { readonly endpoint: string; readonly token: string } | null {
  const config = new Config("hcloud");
  const token = config.get("token") ?? process.env.HCLOUD_TOKEN ?? "";
  if (token === "") return null;
  const endpoint = config.get("endpoint") ?? process.env.HCLOUD_ENDPOINT ?? "https://api.hetzner.cloud/v1";
  return { endpoint: endpoint.replace(/\/+$/, ""), token };
}
