import { Config } from "@pulumi/pulumi";
import { parsePlatform } from "./parse.ts";
import { configNamespace } from "./pulumi-key.ts";
import type { PlatformConfig } from "./schema.ts";

/**
 * The stack's validated `chitlaq:platform`. This module alone reads Pulumi's config; an `up` needs no secret key.
 * Throws `ConfigError` with every fault.
 */
export function loadPlatform(): PlatformConfig {
  return parsePlatform(new Config(configNamespace).getObject<unknown>("platform"));
}
