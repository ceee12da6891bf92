import type { Machine, Role } from "./types.ts";

/**
 * What others stand on comes first, the public doors last: they are the way to all other machines. k3s wants its servers
 * changed before its agents (docs.k3s.io/upgrades/manual, read 2026-11).
 */
const roles: readonly Role[] = ["redis", "database", "k3s-server", "k3s-agent", "api", "load-balancer", "server"];

/**
 * The order in which a change reaches running machines, one at a time. Within a role the first machine comes last: it is
 * the primary of a new cluster and the gateway in use, so a bad change meets a standby before it meets them.
 */
export function buildRollout(machines: readonly Machine[]): readonly string[] {
  return roles
    .flatMap((role) => machines.filter((machine) => machine.role === role).toReversed())
    .map(({ name }) => name);
}
