import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../plan/types.ts";
import { childOf } from "../options.ts";

export type SshKeysArgs = Pick<Plan, "sshKeys">;

/** The operators' public keys. A machine gets them when it is created; later changes reach it by convergence over SSH. */
export class SshKeys extends pulumi.ComponentResource {
  /** Ids of the keys, in the order of the plan. */
  readonly ids: readonly pulumi.Output<string>[];

  constructor(name: string, args: SshKeysArgs, opts?: pulumi.ComponentResourceOptions) {
    if (args.sshKeys.length === 0) {
      throw new Error(`${name}: no SSH key in the plan; Hetzner would mail a root password for every machine`);
    }
    super("chitlaq:security:SshKeys", name, {}, opts);

    const child = childOf(this, opts);
    this.ids = args.sshKeys.map(
      (key) =>
        new hcloud.SshKey(
          `${name}-${key.name}`,
          { name: key.providerName, publicKey: key.publicKey, labels: key.labels },
          // Name and fingerprint are unique per Hetzner project, so the old key has to go first.
          { ...child, deleteBeforeReplace: true },
        ).id,
    );

    this.registerOutputs({ ids: this.ids });
  }
}
