/** Vocabulary of the machine files: what a part of a machine brings, before it is packed. */

/** A file as it shall be on the machine. */
export type MachineFile = {
  readonly path: string;
  /** Four octal digits. */
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  /**
   * `early` files are in place before any package is installed; `late` ones are of no use before the secrets came, so they
   * travel with these and not in the user-data, which has a limit.
   */
  readonly stage: "early" | "main" | "late";
  /** What a change of this file makes necessary, in the words of `ops/common/apply.sh`: `reload:nginx.service`. */
  readonly action: string;
  readonly content: string;
};

/**
 * When a unit runs: `boot` from the first boot on, `secrets` once every secret of the machine was delivered, `off` never
 * (a package enabled it). `refresh` is how it takes notice of a changed secret.
 */
export type UnitRule = {
  readonly when: "boot" | "secrets" | "off";
  readonly unit: string;
  readonly refresh: "reload" | "restart" | "none";
};

/** Where the value of a secret comes from. */
export type SecretSource =
  /** Random letters and digits. */
  | { readonly kind: "password"; readonly length: number }
  /** Random letters and digits that encrypt something: losing it loses what it encrypted. */
  | { readonly kind: "passphrase"; readonly length: number }
  /** Random letters and digits shared by machines that join each other. */
  | { readonly kind: "token"; readonly length: number }
  /** Certificate of the stack's own authority. */
  | { readonly kind: "authority" }
  /** Half of a key pair signed by the stack's authority for these names and addresses, as server and as client. */
  | {
      readonly kind: "certificate" | "private-key";
      readonly pair: string;
      readonly names: readonly string[];
      readonly addresses: readonly string[];
    }
  /** Comes from elsewhere; `hint` tells the operator from where. */
  | { readonly kind: "given"; readonly hint: string };

/** A secret a machine needs before its services start. */
export type RequiredSecret = {
  /** File name in `/etc/chitlaq/secrets`. */
  readonly name: string;
  /** Identity of the value in the stack: machines with the same key get the same value. */
  readonly key: string;
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
  readonly purpose: string;
  readonly source: SecretSource;
};

/** A command that succeeds while a service is well. */
export type HealthCheck = { readonly name: string; readonly command: string };

export type SystemUser = { readonly name: string; readonly what: string; readonly home: string };

export type Directory = {
  readonly path: string;
  readonly mode: string;
  readonly owner: string;
  readonly group: string;
};

/** Everything one concern (database, nginx, backup…) needs on a machine. */
export type Part = {
  readonly packages: readonly string[];
  readonly files: readonly MachineFile[];
  readonly units: readonly UnitRule[];
  readonly secrets: readonly RequiredSecret[];
  readonly checks: readonly HealthCheck[];
  readonly users: readonly SystemUser[];
  /** System users that read the machine's private key. */
  readonly tlsReaders: readonly string[];
  readonly directories: readonly Directory[];
};

const nothing: Part = {
  packages: [],
  files: [],
  units: [],
  secrets: [],
  checks: [],
  users: [],
  tlsReaders: [],
  directories: [],
};

export function part(fields: Partial<Part>): Part {
  return { ...nothing, ...fields };
}
