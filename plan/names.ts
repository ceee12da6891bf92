import type { Labels, Phase, Role } from "./types.ts";

export const project = "chitlaq";

/** Machine names are `<prefix>-<ordinal>`. Names are contract: changing a prefix replaces every machine of the role. */
export const rolePrefixes = {
  server: "server",
  "load-balancer": "lb",
  api: "api",
  database: "db",
  redis: "redis",
  "k3s-server": "k3s-server",
  "k3s-agent": "k3s-agent",
} as const satisfies Record<Role, string>;

/** A stack's name becomes part of host names (RFC 1123) and of label values. */
export const stackNamePattern = /^[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?$/;

/** `chitlaq-phase2-db-1`: unique at Hetzner even when stacks share a project. */
export function providerName(stack: string, name: string): string {
  return `${project}-${stack}-${name}`;
}

/** Labels of everything in a stack. */
export function stackLabels(stack: string, phase: Phase): Labels {
  return { project, stack, phase: String(phase) };
}
