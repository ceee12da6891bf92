/** Which secrets a stack needs: those its machines wait for, and the few that never leave the stack's config. */
import type { RequiredSecret, SecretSource } from "../../ops/render/types.ts";
import type { Plan } from "../../plan/types.ts";

/** Where the value of a secret comes from: the machines' own words, and what belongs to the stack as a whole. */
export type Source =
  | SecretSource
  /** Key of the stack's authority. */
  | { readonly kind: "authority-key" }
  /** SSH key with which changes reach the machines. */
  | { readonly kind: "delivery-key" }
  /** Half of the pair that nginx shows to the edge. */
  | { readonly kind: "origin-certificate" | "origin-key"; readonly names: readonly string[] }
  /** Authority of the certificate that the edge shows to nginx. */
  | { readonly kind: "edge-authority" }
  /** Half of the pair that the edge shows to nginx; needed where the zone has one of its own. */
  | { readonly kind: "edge-certificate" | "edge-key"; readonly zone: string };

export type Wanted = {
  /** Identity in the stack, and the end of its config key: `chitlaq:secret-<name>`. */
  readonly name: string;
  readonly purpose: string;
  readonly source: Source;
  /** Machines that get it, in the plan's order; none for what stays in the config. */
  readonly machines: readonly string[];
};

/** Names this folder treats in their own way, whichever machines ask for them. */
export const names = {
  authority: "ca.crt",
  authorityKey: "ca.key",
  deliveryKey: "delivery-key",
  nextDeliveryKey: "delivery-key-next",
  originCertificate: "origin.crt",
  originKey: "origin.key",
  edgeAuthority: "origin-pull-ca.pem",
  edgeCertificate: "edge-client.crt",
  edgeKey: "edge-client.key",
} as const;

const ownSource = (plan: Plan, secret: RequiredSecret): Source => {
  const hosts = plan.services.loadBalancer.serverNames;
  switch (secret.key) {
    case names.originCertificate:
      return { kind: "origin-certificate", names: hosts };
    case names.originKey:
      return { kind: "origin-key", names: hosts };
    case names.edgeAuthority:
      return { kind: "edge-authority" };
    default:
      return secret.source;
  }
};

/** What no machine gets. */
const kept = (plan: Plan): readonly Wanted[] => {
  const stays = (name: string, purpose: string, source: Source): Wanted => ({ name, purpose, source, machines: [] });
  const zone = plan.edge.zone;
  return [
    stays(names.authorityKey, "key of the stack's authority, which signs certificates", { kind: "authority-key" }),
    stays(names.deliveryKey, "SSH key with which files and secrets reach the machines", { kind: "delivery-key" }),
    ...(plan.edge.authenticatedOriginPulls
      ? [
          stays(names.edgeCertificate, "certificate the edge shows to the origin", { kind: "edge-certificate", zone }),
          stays(names.edgeKey, "private key of that certificate", { kind: "edge-key", zone }),
        ]
      : []),
  ];
};

/** Answers {@link RequiredSecret}s of one machine; `ops/` knows them. */
export type SecretsOf = (plan: Plan, machine: string) => readonly RequiredSecret[];

/** All secrets of a stack, each once, sorted by name. */
export function wantedSecrets(plan: Plan, secretsOf: SecretsOf): readonly Wanted[] {
  const wanted = new Map<string, Wanted>();
  for (const machine of plan.machines) {
    for (const secret of secretsOf(plan, machine.name)) {
      const known = wanted.get(secret.key);
      const machines = [...(known?.machines ?? []), machine.name];
      wanted.set(secret.key, {
        name: secret.key,
        purpose: secret.purpose,
        source: ownSource(plan, secret),
        machines,
      });
    }
  }
  for (const secret of kept(plan)) wanted.set(secret.name, secret);
  return [...wanted.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** The two halves of a pair that must be made together. */
export type Pair = {
  readonly certificate: string;
  readonly key: string;
  readonly commonName: string;
  readonly names: readonly string[];
  readonly addresses: readonly string[];
};

/** Certificates that the stack's authority signs for machines. */
export function machinePairs(wanted: readonly Wanted[]): readonly Pair[] {
  return wanted.flatMap(({ name, source }) => {
    if (source.kind !== "certificate") return [];
    const key = wanted.find((other) => other.source.kind === "private-key" && other.source.pair === source.pair);
    if (key === undefined) throw new Error(`${name}: no machine wants the key of the pair ${source.pair}`);
    const [commonName = source.pair] = source.names;
    return [{ certificate: name, key: key.name, commonName, names: source.names, addresses: source.addresses }];
  });
}
