import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../plan/types.ts";
import { numericId } from "../names.ts";
import { childOf } from "../options.ts";

export type PlacementGroupsArgs = Pick<Plan, "placementGroups">;

/** Spread groups: no two machines of one group share a physical host. */
export class PlacementGroups extends pulumi.ComponentResource {
  readonly #ids: ReadonlyMap<string, pulumi.Output<number>>;

  constructor(name: string, args: PlacementGroupsArgs, opts?: pulumi.ComponentResourceOptions) {
    for (const group of args.placementGroups) {
      if (group.machines.length > groupLimit) {
        throw new Error(
          `${name}: placement group "${group.name}" holds ${group.machines.length} machines, Hetzner allows ${groupLimit}; use a second group`,
        );
      }
    }
    super("chitlaq:placement:PlacementGroups", name, {}, opts);

    const child = childOf(this, opts);
    this.#ids = new Map(
      args.placementGroups.map((group) => [
        group.name,
        new hcloud.PlacementGroup(
          `${name}-${group.name}`,
          { name: group.providerName, type: "spread", labels: group.labels },
          { ...child, deleteBeforeReplace: true },
        ).id.apply(numericId),
      ]),
    );

    this.registerOutputs({ ids: Object.fromEntries(this.#ids) });
  }

  /** Id of the group with this name of the plan. */
  id(group: string): pulumi.Output<number> {
    const id = this.#ids.get(group);
    if (id === undefined) throw new Error(`placement group "${group}" is not in the plan`);
    return id;
  }
}

/** Servers per spread group (docs.hetzner.com/cloud/placement-groups/overview). */
const groupLimit = 10;
