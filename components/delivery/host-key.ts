import { createHash } from "node:crypto";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { type Access, firstConnectionTo } from "./connection.ts";
import type { Machine } from "../machine/machine.ts";

type FirstLook = {
  readonly create: string;
  readonly after: readonly pulumi.Resource[];
  readonly hooks: pulumi.ResourceHookBinding;
  readonly parent: pulumi.Resource;
};

const lookName = (delivery: string, machine: string): string => `${delivery}-${machine}-look`;

/**
 * The host key a machine showed when it was first looked at. The look itself may run again, through another gateway or
 * with another delivery key, and must not change what is on record: only another server does, or who replaces the look.
 */
export const rememberHostKey = (
  delivery: string,
  machine: Machine,
  access: Access,
  { create, after, hooks, parent }: FirstLook,
): { readonly hostKey: pulumi.Output<string>; readonly look: pulumi.Output<string> } => {
  const look = new command.remote.Command(
    lookName(delivery, machine.plan.name),
    {
      connection: firstConnectionTo(machine, access),
      create,
      triggers: [machine.server.id],
      logging: "none",
      addPreviousOutputInEnv: false,
    },
    { parent, hooks, dependsOn: [...after] },
  );
  const record = new pulumi.Stash(
    `${delivery}-${machine.plan.name}-host-key`,
    // Public, whatever the connection holds.
    { input: pulumi.unsecret(look.stdout) },
    { parent, replacementTrigger: look.id },
  );
  return { hostKey: record.output.apply((kept: string) => kept), look: look.id };
};

/** As `ssh-keygen -l` writes it. */
export const fingerprint = (hostKey: string): string => {
  const [, blob = ""] = hostKey.split(" ");
  return `SHA256:${createHash("sha256").update(Buffer.from(blob, "base64")).digest("base64").replace(/=+$/, "")}`;
};

/** How another host key reads in the official command plugin (golang.org/x/crypto/ssh) and in ssh2. */
const another =
  /host key mismatch|no common algorithm for host key|host denied \(verification failed\)|no matching host key format/i;

/**
 * What the official plugin says of any failed login behind a jump host: it shows the last of its attempts, which goes over
 * a connection that the first one spent.
 */
const spent = /^proxy: .*handshake failed: EOF/im;

/** A machine that a connection leads to or through, and what it is expected to show. */
export type Expected = { readonly machine: string; readonly host: string; readonly hostKey: string };

/** What to say about a delivery that failed with these errors; null where host keys had no part in it. */
export const otherHostKey = (
  delivery: string,
  stack: string,
  expected: readonly Expected[],
  errors: readonly string[],
): string | null => {
  const isAnother = errors.some((error) => another.test(error));
  const isSpent = errors.some((error) => spent.test(error));
  if (expected.length === 0 || !(isAnother || isSpent)) return null;
  // The official plugin does not say which of the two it was; the stand-in does.
  const named = expected.filter(({ host }) => errors.some((error) => error.includes(`@${host}: `)));
  const suspects = named.length > 0 ? named : isAnother ? expected : expected.slice(0, 1);
  const who = suspects.map(({ machine, host, hostKey }) => `${machine} (${host}, ${fingerprint(hostKey)} on record)`);
  const replace = suspects.map(({ machine }) => `--replace '**::${lookName(delivery, machine)}'`);
  const what = isAnother
    ? "does not show the host key on record"
    : "does not show the host key on record, or refuses the delivery key";
  return `${who.join(" or ")} ${what}: nothing was sent to it. See what it is: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub on the machine's console. If it was rebuilt in place or given new keys, accept them with pulumi up --stack ${stack} ${replace.join(" ")}; otherwise somebody else answers at its address: docs/decisions/0003-secrets-by-ssh.md`;
};

type Inputs = { readonly connection?: Endpoint & { readonly proxy?: Endpoint } };
type Endpoint = { readonly host?: string; readonly hostKey?: string };

/** Adds to a login that met another host key what the plugin cannot know: whose, which was expected, and what to do. */
export const explainOtherHostKey = (
  delivery: string,
  stack: string,
  machine: string,
  gateway: string | null,
): pulumi.ErrorHook =>
  new pulumi.ErrorHook(`${delivery}-${machine}-other-host-key`, async ({ newInputs, errors }) => {
    // Secrets come as outputs, and everything next to a secret is one.
    const { connection } = await new Promise<Inputs>((resolve) => pulumi.output(newInputs ?? {}).apply(resolve));
    const expected = [
      ...expectedOf(machine, connection),
      ...(gateway === null ? [] : expectedOf(gateway, connection?.proxy)),
    ];
    const message = otherHostKey(delivery, stack, expected, errors);
    if (message !== null) await pulumi.log.error(message);
    return false;
  });

const expectedOf = (machine: string, { host, hostKey }: Endpoint = {}): readonly Expected[] =>
  host === undefined || hostKey === undefined ? [] : [{ machine, host, hostKey }];
