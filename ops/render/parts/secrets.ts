import type { Machine } from "../../../plan/types.ts";
import type { RequiredSecret, SecretSource } from "../types.ts";

/** Long enough for any guess: 32 letters and digits are 190 bits. */
const passwordLength = 32;

export const password: SecretSource = { kind: "password", length: passwordLength };

/** A secret whose value is the same on every machine that needs it; readable by root alone unless said otherwise. */
export function shared(
  name: string,
  purpose: string,
  source: SecretSource,
  access: Partial<Pick<RequiredSecret, "mode" | "owner" | "group">> = {},
): RequiredSecret {
  return { name, key: name, mode: "0600", owner: "root", group: "root", purpose, source, ...access };
}

/** The stack's own authority: what lets machines know each other. */
export const authority = shared(
  "ca.crt",
  "certificate of the stack's authority, by which machines know each other",
  { kind: "authority" },
  { mode: "0644" },
);

/** Certificate and key of one machine. Services read the key through the group chitlaq-tls. */
export function machineCertificate(machine: Machine): readonly RequiredSecret[] {
  const pair = `machine-${machine.name}`;
  const names = [machine.name, machine.hostname, "localhost"];
  const addresses = [machine.privateIp, "127.0.0.1"];
  return [
    authority,
    {
      ...shared("machine.crt", `certificate of ${machine.name}`, { kind: "certificate", pair, names, addresses }),
      key: `${pair}.crt`,
      mode: "0644",
    },
    {
      ...shared("machine.key", `private key of ${machine.name}`, { kind: "private-key", pair, names, addresses }),
      key: `${pair}.key`,
      mode: "0640",
      group: "chitlaq-tls",
    },
  ];
}

export const appPassword = shared("postgres-app-password", "login of the application at PgBouncer", password);
export const valkeyAppPassword = shared("valkey-app-password", "Valkey login of the application", password);
export const sentinelPassword = shared("valkey-sentinel-password", "login at the Sentinels", password);
export const replicaPassword = shared(
  "valkey-replica-password",
  "Valkey login of replicas and Sentinels at a server",
  password,
);

/** Keys of the object storage the backups go to. */
export const objectStorageKeys: readonly RequiredSecret[] = [
  shared("s3-access-key", "object storage: access key", {
    kind: "given",
    hint: "Hetzner Console → Object Storage → S3 credentials",
  }),
  shared("s3-secret-key", "object storage: secret key", {
    kind: "given",
    hint: "shown once beside the access key",
  }),
];
