import * as hcloud from "@pulumi/hcloud";
import * as pulumi from "@pulumi/pulumi";
import type { NetworkPlan, Phase } from "../../plan/types.ts";
import { numericId } from "../names.ts";

export type NetworkArgs = {
  readonly network: NetworkPlan;
  /** A stack never changes its phase in place: machines and addresses of the phases differ. */
  readonly phase: Phase;
  /** Refuse whatever would delete or replace the network. Off only on the way to taking the stack down. */
  readonly protection: boolean;
};

/**
 * The stack's private network: its range, one subnet per tier, and the route that sends the traffic of machines without a
 * public address through the gateway.
 *
 * Network and subnets are protected: replacing one takes the private address from every machine in it.
 */
export class Network extends pulumi.ComponentResource {
  /** Id of the network as Hetzner's other resources want it. */
  readonly networkId: pulumi.Output<number>;

  constructor(name: string, args: NetworkArgs, opts?: pulumi.ComponentResourceOptions) {
    super("chitlaq:network:Network", name, {}, opts);

    const network = this.#network(name, args);
    this.networkId = network.id.apply(numericId);
    const subnets = this.#subnets(name, args);
    this.#routes(name, args.network, subnets);

    this.registerOutputs({ networkId: this.networkId });
  }

  #network(name: string, { network, phase, protection }: NetworkArgs): hcloud.Network {
    return new hcloud.Network(
      `${name}-${network.name}`,
      { name: network.providerName, ipRange: network.ipRange, deleteProtection: protection, labels: network.labels },
      // A change of phase asks for a replacement here, which `protect` refuses before anything else is touched.
      { parent: this, protect: protection, deleteBeforeReplace: true, replacementTrigger: phase },
    );
  }

  #subnets(name: string, { network, protection }: NetworkArgs): readonly hcloud.NetworkSubnet[] {
    return network.subnets.map(
      (subnet) =>
        new hcloud.NetworkSubnet(
          `${name}-subnet-${subnet.name}`,
          { networkId: this.networkId, type: "cloud", networkZone: network.networkZone, ipRange: subnet.ipRange },
          { parent: this, protect: protection, deleteBeforeReplace: true },
        ),
    );
  }

  /** A route names only the gateway's address, so it can stand before the gateway does. */
  #routes(name: string, { routes }: NetworkPlan, subnets: readonly hcloud.NetworkSubnet[]): void {
    for (const route of routes) {
      new hcloud.NetworkRoute(
        `${name}-route-${route.name}`,
        { networkId: this.networkId, destination: route.destination, gateway: route.gateway },
        { parent: this, deleteBeforeReplace: true, dependsOn: [...subnets] },
      );
    }
  }
}
