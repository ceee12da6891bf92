import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type * as pulumi from "@pulumi/pulumi";
import { Delivery, type MachineSecrets, type Release } from "../components/delivery/delivery.ts";
import { EdgeCertificate } from "../components/delivery/edge-certificate.ts";
import { type Fault, formatFaults } from "../config/faults.ts";
import { fileSet, requiredSecrets } from "../ops/render/machine.ts";
import type { Plan } from "../plan/types.ts";
import type { Platform } from "./foundation.ts";

/** The stack's secrets do not suffice for a delivery; the message has every reason. */
export class DeliveryError extends Error {
  constructor(stack: string, faults: readonly Fault[]) {
    super(formatFaults(`the delivery of stack ${stack}`, faults));
    this.name = "DeliveryError";
  }
}

/** What the stack's config and this checkout hold. */
export type Available = {
  readonly secret: ReadSecret;
  /** The sample application, or null while it is not built. */
  readonly sampleRelease: Release | null;
};

export type ReadSecret = (name: string) => pulumi.Output<string> | undefined;

/** What is delivered, and with which key. */
export type DeliveryPlan = {
  readonly privateKey: pulumi.Output<string>;
  /** By machine. */
  readonly secrets: Readonly<Record<string, MachineSecrets>>;
  /** What application machines are brought; null where they fetch a release by themselves or nothing runs on machines. */
  readonly release: Release | null;
  /** Null where the edge shows Cloudflare's shared certificate. */
  readonly edge: { readonly certificate: pulumi.Output<string>; readonly privateKey: pulumi.Output<string> } | null;
};

/**
 * Decides about the delivery: null for a stack whose config holds no delivery key. Its machines boot and wait, and nothing
 * connects to them. With the key everything else must be there too, because a machine with half of its secrets serves
 * nobody. Throws {@link DeliveryError}.
 */
export const planDelivery = (plan: Plan, { secret: read, sampleRelease }: Available): DeliveryPlan | null => {
  const privateKey = read("delivery-key");
  if (privateKey === undefined) return null;
  const [certificate, edgeKey] = [read("edge-client.crt"), read("edge-client.key")];
  const found = plan.machines.map((machine) => ({ machine: machine.name, ...secretsOf(plan, machine.name, read) }));
  const missing = new Set(found.flatMap((entry) => entry.missing));
  const needsSample = plan.services.app !== null && plan.services.app.release === null;
  const faults = [
    ...accessFaults(plan),
    ...(needsSample && sampleRelease === null ? [missingRelease] : []),
    ...[...missing].map((key) => missingSecret(plan, key)),
  ];
  if (faults.length > 0) throw new DeliveryError(plan.stack, faults);
  return {
    privateKey,
    secrets: Object.fromEntries(found.map(({ machine, secrets }) => [machine, secrets])),
    release: needsSample ? sampleRelease : null,
    edge: certificate === undefined || edgeKey === undefined ? null : { certificate, privateKey: edgeKey },
  };
};

const secretsOf = (plan: Plan, machine: string, read: ReadSecret) => {
  const entries = requiredSecrets(plan, machine).map(({ name, key }) => ({ name, key, value: read(key) }));
  return {
    secrets: Object.fromEntries(entries.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]]))),
    missing: entries.flatMap(({ key, value }) => (value === undefined ? [key] : [])),
  };
};

const missingSecret = ({ stack }: Plan, key: string): Fault => ({
  field: `chitlaq:secret-${key}`,
  value: null,
  rule: "machines wait for it",
  fix: `run ./chitlaq secrets init ${stack}; ./chitlaq secrets check ${stack} tells what has to come from elsewhere`,
});

const missingRelease: Fault = {
  field: "release",
  value: null,
  rule: "application machines have nothing to run, and the sample application is not built",
  fix: "name the release, or run ./chitlaq sample-app",
};

/** A key of the delivery's own, as `./chitlaq secrets init` names it. */
const isDeliveryKey = /^delivery-[0-9a-f]{8}$/;

const accessFaults = (plan: Plan): readonly Fault[] => [
  ...(plan.adminRanges.length > 0
    ? []
    : [
        {
          field: "ssh.allowFrom",
          value: "[]",
          rule: "secrets and changes come by SSH, and port 22 is closed to everybody",
          fix: "name the address this update runs from, such as 203.0.113.4/32",
        },
      ]),
  ...(plan.sshKeys.some(({ name }) => isDeliveryKey.test(name))
    ? []
    : [
        {
          field: "ssh.publicKeys",
          value: plan.sshKeys.map(({ name }) => name).join(", "),
          rule: "the delivery key of the stack is not among them, so machines would refuse it",
          fix: `run ./chitlaq secrets init ${plan.stack}`,
        },
      ]),
];

/** Said of a stack without a delivery key: only before its machines are made is the remedy a cheap one. */
export const noDelivery = ({ stack }: Pick<Plan, "stack">): string =>
  `stack ${stack} has no delivery key: its machines boot and wait, and nothing is brought to them. Run ./chitlaq secrets init ${stack} before the first up; servers take SSH keys only when they are made, so later ones must be replaced (docs/runbooks/replace.md)`;

/** The archive that `./chitlaq sample-app` built; null when it never ran here. */
export const readSampleRelease = (): Release | null => {
  const record = join(import.meta.dirname, "..", ".cache", "sample-app", "release.json");
  if (!existsSync(record)) return null;
  const { path, version, sha256 } = JSON.parse(readFileSync(record, "utf8")) as Release;
  return existsSync(path) ? { path, version, sha256 } : null;
};

/** Registers the delivery to the machines of a platform, and what the edge shows to them. */
export const deliver = (plan: Plan, platform: Platform, { privateKey, secrets, release, edge }: DeliveryPlan): void => {
  const runsApplication = new Set(
    plan.machines.flatMap(({ name, role }) => (role === "api" || role === "server" ? [name] : [])),
  );
  const delivery = new Delivery("delivery", {
    plan,
    machines: platform.machines,
    fileSet: (machine) => fileSet(plan, machine),
    secrets: (machine) => secrets[machine] ?? {},
    release: (machine) => (runsApplication.has(machine) ? release : null),
    privateKey,
  });
  if (edge === null) return;
  new EdgeCertificate("edge-certificate", { zoneId: platform.edge.zoneId, ...edge }, { dependsOn: [delivery] });
};
