import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { FirewallPlan, FirewallRulePlan, Plan } from "../../plan/types.ts";
import { numericId } from "../names.ts";
import { type ChildOptions, childOf } from "../options.ts";

export type FirewallsArgs = Pick<Plan, "firewalls">;

/**
 * One firewall per role with a public door. Hetzner drops all incoming traffic that no rule lets in and allows all
 * outgoing traffic while there is no outgoing rule (docs.hetzner.com/cloud/firewalls/faq).
 */
export class Firewalls extends pulumi.ComponentResource {
  readonly #ids: ReadonlyMap<string, pulumi.Output<number>>;

  constructor(name: string, args: FirewallsArgs, opts?: pulumi.ComponentResourceOptions) {
    super("chitlaq:security:Firewalls", name, {}, opts);

    const child = childOf(this, opts);
    this.#ids = new Map(
      args.firewalls.map((firewall) => [
        firewall.name,
        createFirewall(`${name}-${firewall.name}`, firewall, child).id.apply(numericId),
      ]),
    );

    this.registerOutputs({ ids: Object.fromEntries(this.#ids) });
  }

  /** Id of the firewall with this name of the plan. */
  id(firewall: string): pulumi.Output<number> {
    const id = this.#ids.get(firewall);
    if (id === undefined) throw new Error(`firewall "${firewall}" is not in the plan`);
    return id;
  }
}

const createFirewall = (name: string, firewall: FirewallPlan, child: ChildOptions): hcloud.Firewall =>
  new hcloud.Firewall(
    name,
    { name: firewall.providerName, rules: firewall.rules.map(inboundRule), labels: firewall.labels },
    { ...child, deleteBeforeReplace: true },
  );

const inboundRule = (rule: FirewallRulePlan): hcloud.types.input.FirewallRule => ({
  direction: "in",
  description: rule.description,
  protocol: rule.protocol,
  ...(rule.port === null ? {} : { port: rule.port }),
  sourceIps: [...rule.sourceIps],
});
