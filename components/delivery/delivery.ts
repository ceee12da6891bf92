import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../plan/types.ts";
import type { Machine } from "../machine/machine.ts";
import { connectionTo, machineNamed } from "./connection.ts";

/** Secrets of one machine by the name of their file. */
export type MachineSecrets = Readonly<Record<string, pulumi.Output<string>>>;

/** A release of the application as an archive on this host. */
export type Release = { readonly path: string; readonly version: string; readonly sha256: string };

export type DeliveryArgs = {
  readonly plan: Plan;
  readonly machines: readonly Machine[];
  /** The file set of the machine with this name, as `chitlaq-converge` takes it. It holds no secret. */
  readonly fileSet: (machine: string) => string;
  readonly secrets: (machine: string) => MachineSecrets;
  /** What is brought to the machine to run; null for one that runs no application or fetches it by itself. */
  readonly release: (machine: string) => Release | null;
  /** SSH key that root of every machine accepts. */
  readonly privateKey: pulumi.Output<string>;
};

/** Runs on the machine. Without its comments, because the engine shows the command when it fails. */
const receive = readFileSync(join(import.meta.dirname, "receive.sh"), "utf8").replaceAll(/^#.*\n/gm, "");

const incoming = "/var/lib/chitlaq/incoming.sh";
const archive = "/var/lib/chitlaq/release.tar.gz";

/** Services of a new platform find each other, elect and clone within a minute or two; a large clone takes longer. */
const healthSeconds = 600;

/**
 * Brings files and secrets to the machines by SSH: to new ones what they wait for, to running ones what has changed.
 *
 * Machines are changed one at a time in the order of the plan, and each must be as healthy after as before, or the update
 * ends there. A new platform becomes healthy only as a whole, and a password that several machines share fits again only
 * when the last of them has it: so the health of all is looked at in the end, whenever anything was changed.
 */
export class Delivery extends pulumi.ComponentResource {
  constructor(name: string, args: DeliveryArgs, opts?: pulumi.ComponentResourceOptions) {
    const machines = args.plan.rollout.map((machine) => machineNamed(args.machines, machine, "the plan's rollout"));
    super("chitlaq:delivery:Delivery", name, {}, opts);

    const delivered: command.remote.Command[] = [];
    for (const machine of machines) {
      const after = [machine, ...delivered.slice(-1)];
      const brought = [this.#files(name, machine, args, after), ...this.#release(name, machine, args, after)];
      delivered.push(this.#changes(name, machine, args, brought));
    }
    const everything = contentOf(machines, args);
    for (const machine of machines) this.#health(name, machine, args, { everything, after: delivered });

    this.registerOutputs({ machines: machines.map((machine) => machine.plan.name) });
  }

  /** In a preview this shows, line by line, what becomes different on which machine. */
  #files(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    after: readonly pulumi.Resource[],
  ): command.remote.CopyToRemote {
    const source = new pulumi.asset.StringAsset(args.fileSet(machine.plan.name));
    return this.#copy(`${name}-${machine.plan.name}-files`, machine, args, { source, remotePath: incoming, after });
  }

  #release(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    after: readonly pulumi.Resource[],
  ): readonly command.remote.CopyToRemote[] {
    const release = args.release(machine.plan.name);
    if (release === null) return [];
    const source = new pulumi.asset.FileAsset(release.path);
    return [this.#copy(`${name}-${machine.plan.name}-release`, machine, args, { source, remotePath: archive, after })];
  }

  #copy(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    {
      source,
      remotePath,
      after,
    }: {
      readonly source: pulumi.asset.Asset;
      readonly remotePath: string;
      readonly after: readonly pulumi.Resource[];
    },
  ): command.remote.CopyToRemote {
    return new command.remote.CopyToRemote(
      name,
      {
        connection: connectionTo(machine, args),
        remotePath,
        source,
        // A new server under the old address has nothing of it.
        triggers: [machine.server.id],
      },
      { parent: this, dependsOn: [...after] },
    );
  }

  #changes(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    brought: readonly command.remote.CopyToRemote[],
  ): command.remote.Command {
    const { plan } = machine;
    const version = digest(args.fileSet(plan.name));
    const release = args.release(plan.name);
    const setArguments = release === null ? "" : `set -- ${archive} ${release.version} ${release.sha256}\n`;
    return new command.remote.Command(
      `${name}-${plan.name}`,
      {
        connection: connectionTo(machine, args),
        // The last line makes the command another one, so that it runs again, when server or files are others.
        create: pulumi.interpolate`${setArguments}${receive}# server ${machine.server.id}, file set ${version}\n`,
        stdin: pulumi.secret(pulumi.all(args.secrets(plan.name)).apply((values) => JSON.stringify(values))),
        ...quiet,
      },
      { parent: this, dependsOn: [...brought], additionalSecretOutputs: printed },
    );
  }

  #health(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    { everything, after }: { readonly everything: pulumi.Output<string>; readonly after: readonly pulumi.Resource[] },
  ): void {
    new command.remote.Command(
      `${name}-${machine.plan.name}-health`,
      {
        connection: connectionTo(machine, args),
        create: pulumi.interpolate`chitlaq-health ${healthSeconds} # ${everything}`,
        ...quiet,
      },
      { parent: this, dependsOn: [...after], additionalSecretOutputs: printed },
    );
  }
}

const digest = (text: string): string => createHash("sha256").update(text).digest("hex");

/**
 * Another one when anything that is delivered to any machine is. Not secret although secrets go into it: half a hash of
 * dozens of random values leads back to none of them.
 */
const contentOf = (machines: readonly Machine[], args: DeliveryArgs): pulumi.Output<string> => {
  const parts = machines.map(({ plan: { name }, server }) =>
    pulumi.all([server.id, pulumi.all(args.secrets(name)), args.fileSet(name), args.release(name)?.sha256 ?? ""]),
  );
  return pulumi.unsecret(pulumi.all(parts).apply((values) => digest(JSON.stringify(values)).slice(0, 32)));
};

/** Nothing is said but what a failure says, and nothing of one run reaches the next. */
const quiet = { logging: "none", addPreviousOutputInEnv: false } as const;

/** Scripts print names of secrets and never a value; should one, state would still hold it encrypted. */
const printed = ["stdout", "stderr"];
