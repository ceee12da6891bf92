/**
 * A stack's secrets in its config file, encrypted by whatever secrets provider the stack has. Only the engine reads and
 * writes them; values pass through its standard input, never through arguments.
 */
import { createHash } from "node:crypto";
import { configNamespace, platformKey } from "../../config/pulumi-key.ts";
import { Fault } from "../errors.ts";
import type { Finished, RunOptions } from "../process/run.ts";
import type { Note } from "../progress.ts";
import { sshPublicKey } from "./keys.ts";
import { deliveryComment, type Values } from "./make.ts";
import { names } from "./wanted.ts";

/** Runs the engine where the stack's project is. */
export type RunPulumi = (args: readonly string[], options?: RunOptions) => Promise<Finished>;

export type Stored = {
  readonly values: Values;
  /** Names that are stored without encryption. */
  readonly plain: readonly string[];
  /** `ssh.publicKeys` of the platform. */
  readonly publicKeys: Readonly<Record<string, string>>;
};

/** Config keys of secrets are flat: `chitlaq:secret-<name>`. */
const prefix = `${configNamespace}:secret-`;

type ConfigEntry = { readonly value?: string; readonly secret: boolean; readonly objectValue?: unknown };

export class SecretStore {
  readonly stack: string;
  readonly #run: RunPulumi;

  constructor(stack: string, run: RunPulumi) {
    this.stack = stack;
    this.#run = run;
  }

  async read(): Promise<Stored> {
    const shown = await this.#must("Reading the stack's config", ["config", "--json", "--show-secrets"]);
    const config = Object.entries(JSON.parse(shown.stdout) as Readonly<Record<string, ConfigEntry>>);
    const secrets = config.filter(([key]) => key.startsWith(prefix));
    const nameOf = (key: string): string => key.slice(prefix.length);
    const platform = config.find(([key]) => key === platformKey)?.[1].objectValue as
      | { readonly ssh?: { readonly publicKeys?: Readonly<Record<string, string>> } }
      | undefined;
    return {
      values: new Map(secrets.map(([key, { value }]) => [nameOf(key), value ?? ""])),
      plain: secrets.flatMap(([key, { secret }]) => (secret ? [] : [nameOf(key)])),
      publicKeys: platform?.ssh?.publicKeys ?? {},
    };
  }

  /** One after the other, in the order given: the engine rewrites the whole file each time. */
  async write(values: Values, note: Note = () => undefined): Promise<void> {
    let count = 0;
    for (const [name, value] of values) {
      count += 1;
      note(`${count} of ${values.size}: ${name}`);
      await this.#must(`Storing ${name}`, ["config", "set", "--secret", "--raw", `${prefix}${name}`], { input: value });
    }
  }

  async remove(removed: readonly string[]): Promise<void> {
    if (removed.length === 0) return;
    const keys = removed.map((name) => `${prefix}${name}`);
    await this.#must(`Removing ${removed.join(", ")}`, ["config", "rm-all", ...keys]);
  }

  /** Makes the stack file name the public halves of the delivery keys that are stored, and no others of the kind. */
  async syncPublicKeys({ values, publicKeys }: Stored): Promise<void> {
    const wanted = deliveryPublicKeys(this.stack, values);
    for (const [name, key] of Object.entries(wanted)) {
      if (publicKeys[name] !== key) await this.#must("Naming the key", ["config", "set", "--path", pathOf(name), key]);
    }
    for (const name of Object.keys(publicKeys)) {
      if (!deliveryKeyName.test(name) || name in wanted) continue;
      await this.#must("Removing an old key", ["config", "rm", "--path", pathOf(name)]);
    }
  }

  async #must(what: string, args: readonly string[], options: RunOptions = {}): Promise<Finished> {
    const result = await this.#run([...args, "--stack", this.stack, "--non-interactive"], options);
    if (result.code === 0) return result;
    const said = result.stderr.trim();
    if (/no stack named/.test(said)) {
      throw new Fault(`stack ${this.stack} does not exist in this backend, so it has no key to encrypt with.`, [
        `pulumi stack init ${this.stack}`,
      ]);
    }
    throw new Fault(`${what} failed (pulumi ${args.slice(0, 2).join(" ")}):\n${said}`);
  }
}

/** Entries of `ssh.publicKeys` that this command keeps; each key has a name of its own, so that none is ever renamed. */
const deliveryKeyName = /^delivery-[0-9a-f]{8}$/;

const pathOf = (name: string): string => `${platformKey}.ssh.publicKeys["${name}"]`;

/** `ssh.publicKeys` entries of the delivery key and of the one that is to follow it. */
export function deliveryPublicKeys(stack: string, values: Values): Readonly<Record<string, string>> {
  const keys = [names.deliveryKey, names.nextDeliveryKey].flatMap((name) => sshPublicKey(values.get(name) ?? "") ?? []);
  return Object.fromEntries(
    keys.map((key) => [
      `delivery-${createHash("sha256").update(key).digest("hex").slice(0, 8)}`,
      `${key} ${deliveryComment(stack)}`,
    ]),
  );
}
