import type * as command from "@pulumi/command";
import type * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../plan/types.ts";
import type { Machine } from "../machine/machine.ts";
import { named } from "../names.ts";

export type Connection = command.types.input.remote.ConnectionArgs;

/**
 * Attempts on a machine that does not answer yet, at most 5 s apart: four to five minutes for a new one to boot. Machines
 * without a public address answer only once the gateway does, so each way has its own count.
 */
const dialErrorLimit = 60;
const perDialTimeout = 15;

/** The machine through which those without a public address are reached; null when there are none. */
export const gatewayOf = (plan: Plan, machines: readonly Machine[]): Machine | null => {
  const name = plan.network.routes[0]?.machine;
  if (name === undefined) return null;
  return machineNamed(machines, name, "the network's route");
};

/** @throws when there is no such machine, naming who asked. */
export const machineNamed = (machines: readonly Machine[], name: string, owner: string): Machine =>
  named(
    machines.map((machine) => ({ name: machine.plan.name, machine })),
    name,
    "machines",
    owner,
  ).machine;

/** What logging in takes. */
export type Access = {
  readonly plan: Plan;
  readonly machines: readonly Machine[];
  readonly privateKey: pulumi.Output<string>;
  /** By machine, what it showed when it was first looked at. */
  readonly hostKeys: ReadonlyMap<string, pulumi.Output<string>>;
};

/** How to log in to a machine that shows the host key on record, and so does the gateway on the way to it. */
export const connectionTo = (machine: Machine, access: Access): Connection => ({
  ...firstConnectionTo(machine, access),
  hostKey: hostKeyOf(machine, access),
});

/** How to log in to a machine whose host key nobody has seen yet. Whoever answers there must not be sent anything. */
export const firstConnectionTo = (machine: Machine, access: Access): Connection => {
  const login = { user: "root", privateKey: access.privateKey, dialErrorLimit, perDialTimeout };
  if (machine.publicIp !== null) return { ...login, host: machine.publicIp };
  const gateway = gatewayOf(access.plan, access.machines);
  if (gateway === null || gateway.publicIp === null) {
    throw new Error(`${machine.plan.name} has no public address, and the plan names no gateway that leads to it`);
  }
  return {
    ...login,
    host: machine.plan.privateIp,
    proxy: { ...login, host: gateway.publicIp, hostKey: hostKeyOf(gateway, access) },
  };
};

/** @throws when nobody has looked: the plugin would take any key where none is given. */
const hostKeyOf = ({ plan: { name } }: Machine, { hostKeys }: Access): pulumi.Output<string> => {
  const hostKey = hostKeys.get(name);
  if (hostKey === undefined) throw new Error(`${name} is logged in to before its host key was looked at`);
  return hostKey;
};
