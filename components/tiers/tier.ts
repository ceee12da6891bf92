import * as pulumi from "@pulumi/pulumi";
import type { Role } from "../../plan/types.ts";
import { createMachines, type TierArgs } from "../machine/fleet.ts";
import type { Machine } from "../machine/machine.ts";

/** The machines of one part of the platform. What they are, and how many, stands in the plan. */
export abstract class Tier extends pulumi.ComponentResource {
  /** In the order of the plan. */
  readonly machines: readonly Machine[];

  constructor(
    kind: string,
    roles: readonly Role[],
    name: string,
    args: TierArgs,
    opts: pulumi.ComponentResourceOptions | undefined,
  ) {
    super(`chitlaq:tier:${kind}`, name, {}, { dependsOn: args.foundation.network, ...opts });
    this.machines = createMachines(this, args, roles);
    this.registerOutputs({ machines: this.machines.map((machine) => machine.plan.privateIp) });
  }
}
