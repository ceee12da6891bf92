import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as command from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { ports } from "../../plan/ports.ts";
import type { Plan } from "../../plan/types.ts";
import type { Machine } from "../machine/machine.ts";
import { type Access, connectionTo, gatewayOf, machineNamed } from "./connection.ts";
import { explainOtherHostKey, rememberHostKey } from "./host-key.ts";
import { explainRefusedLogin } from "./refused-login.ts";

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

/** Without its comments, because the engine shows the command when it fails. */
const script = (file: string): string =>
  readFileSync(join(import.meta.dirname, file), "utf8").replaceAll(/^#.*\n/gm, "");

const look = script("look.sh");
const receive = script("receive.sh");
const settle = script("settle.sh");

const incoming = "/var/lib/chitlaq/incoming.sh";
const archive = "/var/lib/chitlaq/release.tar.gz";

/** Services of a new platform find each other, elect and clone within a minute or two; a large clone takes longer. */
const healthSeconds = 600;

/**
 * Brings files and secrets to the machines by SSH: to new ones what they wait for, to running ones what has changed.
 *
 * Running machines are changed one at a time in the order of the plan, and each must be as healthy after as before, or the
 * update ends there. New ones serve nobody yet and are set up side by side. A new platform becomes healthy only as a whole,
 * and a password that several machines share is taken beside the former one until the last of them has it: so the former
 * ones end and the health of all is looked at in the end, whenever anything was changed.
 *
 * A machine is known by the host key it showed at a first look, which tells it nothing. Everything else goes only to a
 * machine that shows this key.
 */
export class Delivery extends pulumi.ComponentResource {
  readonly #refused: pulumi.ResourceHookBinding;
  /** By machine: what it showed at the first look, and which look that was. */
  readonly #hostKeys = new Map<string, pulumi.Output<string>>();
  readonly #looks = new Map<string, pulumi.Output<string>>();
  readonly #hooks = new Map<string, pulumi.ResourceHookBinding>();

  constructor(name: string, args: DeliveryArgs, opts?: pulumi.ComponentResourceOptions) {
    const machines = args.plan.rollout.map((machine) => machineNamed(args.machines, machine, "the plan's rollout"));
    super("chitlaq:delivery:Delivery", name, {}, opts);
    this.#refused = explainRefusedLogin(name, args.plan.stack);

    for (const machine of machines.filter(({ publicIp }) => publicIp !== null)) {
      this.#look(name, machine, args, [machine]);
    }
    const settled = this.#settled(name, args, machines);
    for (const machine of machines.filter(({ publicIp }) => publicIp === null)) {
      this.#look(name, machine, args, [machine, ...settled]);
    }
    const delivered: command.remote.Command[] = [];
    for (const machine of machines) {
      const ready = machine.publicIp === null ? [machine, ...settled] : [machine];
      const brought = [this.#files(name, machine, args, ready), ...this.#release(name, machine, args, ready)];
      const first = this.#first(name, machine, args, brought);
      delivered.push(this.#changes(name, machine, args, [...brought, first, ...delivered.slice(-1)]));
    }
    const everything = contentOf(machines, args);
    for (const machine of machines) this.#health(name, machine, args, { everything, after: delivered });

    this.registerOutputs({ machines: machines.map((machine) => machine.plan.name) });
  }

  /** Sends nothing to the machine, and gets to know it. */
  #look(name: string, machine: Machine, args: DeliveryArgs, after: readonly pulumi.Resource[]): void {
    const { plan } = machine;
    const gateway = machine.publicIp === null ? gatewayOf(args.plan, args.machines) : null;
    const other = explainOtherHostKey(name, args.plan.stack, plan.name, gateway?.plan.name ?? null);
    const hooks = { onError: [...(this.#refused.onError ?? []), other] };
    const known = rememberHostKey(name, machine, this.#access(args), { create: look, after, hooks, parent: this });
    this.#hostKeys.set(plan.name, known.hostKey);
    this.#looks.set(plan.name, known.look);
    this.#hooks.set(plan.name, hooks);
  }

  #access({ plan, machines, privateKey }: DeliveryArgs): Access {
    return { plan, machines, privateKey, hostKeys: this.#hostKeys };
  }

  /** Nothing goes through the gateway before it and the machines behind it have set up their networks. */
  #settled(name: string, args: DeliveryArgs, machines: readonly Machine[]): readonly command.remote.Command[] {
    const gateway = gatewayOf(args.plan, args.machines);
    const behind = machines.filter(({ publicIp }) => publicIp === null);
    if (gateway === null || behind.length === 0) return [];
    const addresses = behind.map(({ plan }) => plan.privateIp).join(" ");
    const servers = pulumi.all([gateway, ...behind].map(({ server }) => server.id)).apply((ids) => ids.join(" "));
    const create = pulumi.interpolate`set -- ${ports.nodeExporter} ${addresses}\n${settle}# servers ${servers}\n`;
    return [this.#run(`${name}-gateway`, gateway, args, { create, after: [gateway, ...behind] })];
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
        connection: connectionTo(machine, this.#access(args)),
        remotePath,
        source,
        // A new server, and one that was rebuilt and so had to be looked at again, has nothing of it.
        triggers: [this.#looks.get(machine.plan.name)],
      },
      { parent: this, ...this.#explained(machine), dependsOn: [...after] },
    );
  }

  /** Does nothing on a machine whose services run: what changes there waits for its turn. */
  #first(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    after: readonly pulumi.Resource[],
  ): command.remote.Command {
    const { plan, server } = machine;
    return this.#run(`${name}-${plan.name}-first`, machine, args, {
      create: pulumi.interpolate`${unlessActive}${releaseArguments(args.release(plan.name))}${receive}# server ${server.id}\n`,
      stdin: handedOver(args.secrets(plan.name)),
      after,
    });
  }

  #changes(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    after: readonly pulumi.Resource[],
  ): command.remote.Command {
    const { plan, server } = machine;
    const version = digest(args.fileSet(plan.name));
    return this.#run(`${name}-${plan.name}`, machine, args, {
      // The last line makes the command another one, so that it runs again, when server or files are others.
      create: pulumi.interpolate`${releaseArguments(args.release(plan.name))}${receive}# server ${server.id}, file set ${version}\n`,
      stdin: handedOver(args.secrets(plan.name)),
      after,
    });
  }

  /** By now every machine has today's passwords: the former ones end, and all must be well without them. */
  #health(
    name: string,
    machine: Machine,
    args: DeliveryArgs,
    { everything, after }: { readonly everything: pulumi.Output<string>; readonly after: readonly pulumi.Resource[] },
  ): void {
    const create = pulumi.interpolate`chitlaq-secrets retire && chitlaq-health ${healthSeconds} # ${everything}`;
    this.#run(`${name}-${machine.plan.name}-health`, machine, args, { create, after });
  }

  /** A command on the machine, whose output may hold what it was given. */
  #run(name: string, machine: Machine, args: DeliveryArgs, { create, stdin, after }: Step): command.remote.Command {
    return new command.remote.Command(
      name,
      {
        connection: connectionTo(machine, this.#access(args)),
        create,
        ...(stdin === undefined ? {} : { stdin }),
        ...quiet,
      },
      { parent: this, ...this.#explained(machine), dependsOn: [...after], additionalSecretOutputs: printed },
    );
  }

  #explained({ plan }: Machine): Pick<pulumi.CustomResourceOptions, "hooks"> {
    const hooks = this.#hooks.get(plan.name);
    return hooks === undefined ? {} : { hooks };
  }
}

type Step = {
  readonly create: pulumi.Output<string>;
  readonly stdin?: pulumi.Output<string>;
  readonly after: readonly pulumi.Resource[];
};

/** Written when a machine's services have been started. */
const unlessActive = "[ ! -e /var/lib/chitlaq/activated ] || exit 0\n";

const releaseArguments = (release: Release | null): string =>
  release === null ? "" : `set -- ${archive} ${release.version} ${release.sha256}\n`;

const handedOver = (secrets: MachineSecrets): pulumi.Output<string> =>
  pulumi.secret(pulumi.all(secrets).apply((values) => JSON.stringify(values)));

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
