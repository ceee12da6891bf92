import { Config, type Output } from "@pulumi/pulumi";
import { parsePlatform } from "./parse.ts";
import { configNamespace } from "./pulumi-key.ts";
import type { PlatformConfig } from "./schema.ts";

/**
 * The stack's validated `chitlaq:platform`. Together with {@link loadSecret} the only reader of Pulumi's config.
 * Throws `ConfigError` with every fault.
 */
export function loadPlatform(): PlatformConfig {
  return parsePlatform(new Config(configNamespace).getObject<unknown>("platform"));
}

/** The flat secret `chitlaq:secret-<name>`, or undefined where the stack has none; a stack works without any. */
export function loadSecret(name: string): Output<string> | undefined {
  return new Config(configNamespace).getSecret(`secret-${name}`);
}
