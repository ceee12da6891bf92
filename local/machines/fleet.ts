import type { Topology } from "../hetzner/driver.ts";
import { cloudConfig } from "./agents/config.ts";
import type { Backbone } from "./backbone.ts";
import { groupsOf } from "./cgroup.ts";
import { diskOf, mountDisk, type ServerRecord, storedServers, writeServer } from "./disk.ts";
import { type Environment, processRef } from "./environment.ts";
import { runInside } from "./inside.ts";
import { createLock, type Lock } from "./lock.ts";
import { Machine } from "./machine.ts";
import { CloudNetwork, type LinkChange } from "./network/apply.ts";
import { addressesOf, type MachineState, socketPath, writeState } from "./state.ts";

export type PowerListener = (id: number, power: "running" | "off") => void;

const noTopology: Topology = { servers: [], networks: [], loadBalancers: [] };

/** All servers of an environment and the network between them: what the verbs of the driver work on. */
export class Fleet {
  readonly environment: Environment;
  readonly log: (line: string) => void;
  readonly #backbone: Backbone;
  readonly #network: CloudNetwork;
  readonly #networkLock = createLock();
  readonly #serverLocks = new Map<number, Lock>();
  readonly #machines = new Map<number, Machine>();
  readonly #records = new Map<number, ServerRecord>();
  readonly #listeners: PowerListener[] = [];
  #topology = noTopology;

  constructor(environment: Environment, backbone: Backbone, log: (line: string) => void) {
    this.environment = environment;
    this.log = log;
    this.#backbone = backbone;
    this.#network = new CloudNetwork(environment);
  }

  /** Takes up the servers that an earlier process left, all off. */
  async restore(): Promise<void> {
    for (const record of await storedServers(this.environment)) {
      this.#records.set(record.spec.id, record);
      // One server that cannot come back must not keep the others away; starting it says the same again.
      await mountDisk(this.environment, record).catch((error: Error) => this.log(error.message));
      await this.machine(record.spec.id);
    }
    this.publish();
  }

  /** Runs tasks on one server one after the other. */
  withServer<T>(id: number, task: () => Promise<T>): Promise<T> {
    const lock = this.#serverLocks.get(id) ?? createLock();
    this.#serverLocks.set(id, lock);
    return lock(task);
  }

  has(id: number): boolean {
    return this.#records.has(id);
  }

  record(id: number): ServerRecord {
    const record = this.#records.get(id);
    if (record === undefined) throw new Error(`server ${id}: the driver does not know it; provision it first`);
    return record;
  }

  remember(record: ServerRecord): void {
    writeServer(this.environment, record);
    this.#records.set(record.spec.id, record);
  }

  /** Makes a server known to the metadata service and to other processes. */
  async introduce(record: ServerRecord): Promise<void> {
    this.#records.set(record.spec.id, record);
    await this.machine(record.spec.id);
    await this.#networkLock(() => this.#configureCloud());
    this.publish();
  }

  async forget(id: number): Promise<void> {
    const machine = this.#machines.get(id);
    await machine?.kill();
    this.#machines.delete(id);
    this.#records.delete(id);
    // Cards that the topology still names go with the namespace they are in.
    await this.#networkLock(async () => machine?.removeNamespace());
    this.publish();
  }

  /** The machine of a server, which need not be provisioned yet: its cards may be made first. */
  async machine(id: number): Promise<Machine> {
    const known = this.#machines.get(id);
    if (known !== undefined) return known;
    const machine = new Machine(this.environment, id, {
      networkLock: this.#networkLock,
      linksOf: (server) => this.#network.links.filter((link) => link.server === server),
      onChange: () => this.publish(),
      onPower: (server, power) => {
        for (const listener of this.#listeners) listener(server, power);
      },
      log: this.log,
    });
    this.#machines.set(id, machine);
    await machine.createNamespace();
    return machine;
  }

  isRunning(id: number): boolean {
    return (this.#machines.get(id)?.running ?? null) !== null;
  }

  onPowerChange(listener: PowerListener): void {
    this.#listeners.push(listener);
  }

  async connect(topology: Topology): Promise<void> {
    for (const { id } of topology.servers) await this.machine(id);
    const change = await this.#networkLock(async () => {
      const namespaceOf = (id: number): string => this.#machines.get(id)?.namespace ?? this.environment.cloud;
      const done = await this.#network.apply(topology, namespaceOf);
      this.#topology = topology;
      await this.#configureCloud();
      return done;
    });
    await this.#hotplug(change);
    await this.#dropStrays(new Set(topology.servers.map(({ id }) => id)));
    this.publish();
  }

  /** Runs a shell script in the server's machine; does nothing when it is off, and only logs a failure. */
  async tell(id: number, script: string): Promise<void> {
    const running = this.#machines.get(id)?.running ?? null;
    if (running === null) return;
    const groups = groupsOf(this.environment.id, `m${id}`);
    const { code, stderr } = await runInside(running.leader, groups, ["sh", "-c", script]);
    if (code !== 0) this.log(`server ${id}: ${script.split("\n").at(-1)}: ${stderr.trim()}`);
  }

  /** Shuts all machines down side by side, and pulls the plug of those that are still on after `graceMs`. */
  async stopAll(graceMs: number): Promise<void> {
    const stop = async (machine: Machine): Promise<void> => {
      await machine.shutDown(graceMs).catch((error: Error) => this.log(`${error.message}; its plug is pulled`));
      await machine.kill();
    };
    await Promise.all([...this.#machines.values()].map(stop));
  }

  publish(): void {
    const { id, cloud, internet, runtime } = this.environment;
    writeState(this.environment, {
      id,
      owner: processRef(process.pid),
      cloud,
      internet,
      runtime,
      cloudSocket: socketPath(this.environment, "cloud"),
      internetSocket: socketPath(this.environment, "internet"),
      machines: [...this.#records.values()].map((record) => this.#stateOf(record)),
    });
  }

  /** A topology from before a server's end makes a place for its cards once more; it goes with the next one. */
  async #dropStrays(named: ReadonlySet<number>): Promise<void> {
    for (const [id, machine] of this.#machines) {
      if (named.has(id) || this.#records.has(id)) continue;
      this.#machines.delete(id);
      await machine.removeNamespace();
    }
  }

  #configureCloud(): Promise<void> {
    const identities = new Map([...this.#records].map(([id, { spec }]) => [id, spec]));
    return this.#backbone.cloud.configure(cloudConfig(this.#topology, identities));
  }

  /** What udev and hc-utils do on a server when a card comes or goes while it runs. */
  async #hotplug({ added, removed }: LinkChange): Promise<void> {
    for (const { server, inside } of removed) await this.tell(server, `systemctl stop hc-net-ifup@${inside}.service`);
    for (const { server, inside } of added) {
      const up = `ip link set ${inside} up`;
      const isPrivate = inside !== "eth0";
      await this.tell(server, isPrivate ? `${up}\nsystemctl restart --no-block hc-net-ifup@${inside}.service` : up);
    }
  }

  #stateOf({ spec }: ServerRecord): MachineState {
    const machine = this.#machines.get(spec.id);
    const running = machine?.running ?? null;
    const disk = diskOf(this.environment, spec.id);
    return {
      id: spec.id,
      name: spec.name,
      power: running === null ? "off" : "running",
      leader: running?.leader ?? null,
      nspawn: running?.nspawn ?? null,
      startedAt: running?.startedAt ?? null,
      namespace: machine?.namespace ?? "",
      ...addressesOf(this.#topology, spec.id),
      devices: this.#network.links.filter(({ server }) => server === spec.id).map(({ device }) => device),
      groups: groupsOf(this.environment.id, `m${spec.id}`),
      root: disk.merged,
      console: disk.console,
    };
  }
}
