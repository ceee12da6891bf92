import { setTimeout as sleep } from "node:timers/promises";
import { boot, type RunningMachine } from "./boot.ts";
import { ensureGroups, limitGroups } from "./cgroup.ts";
import { diskOf, type ServerRecord } from "./disk.ts";
import { type Environment, isAlive } from "./environment.ts";
import type { Lock } from "./lock.ts";
import type { Link } from "./network/plan.ts";
import { must, run } from "./run.ts";

/** SIGRTMIN+4 tells systemd to power off (systemd(1)); the C library's SIGRTMIN is 34. */
const powerOffSignal = 38;
const powerButtonMs = 5_000;
/** A machine that is still up this long after the power button is not going to stop by itself. */
const powerOffLimitMs = 90_000;

export type MachineHooks = {
  /** Held while cards move between namespaces or the cloud changes. */
  readonly networkLock: Lock;
  readonly linksOf: (server: number) => readonly Link[];
  readonly onChange: () => void;
  readonly onPower: (server: number, power: "running" | "off") => void;
  readonly log: (line: string) => void;
};

/** One server's machine: its process, and the network namespace its cards are in. */
export class Machine {
  readonly id: number;
  readonly #environment: Environment;
  readonly #hooks: MachineHooks;
  #boots = 0;
  #running: RunningMachine | null = null;
  /** What the API wants: a machine that ends although it should run is a surprise. */
  #wanted: "on" | "off" = "off";
  #gone: Promise<void> = Promise.resolve();

  constructor(environment: Environment, id: number, hooks: MachineHooks) {
    this.#environment = environment;
    this.id = id;
    this.#hooks = hooks;
  }

  get running(): RunningMachine | null {
    return this.#running;
  }

  /** A namespace per boot: a machine that starts finds no address, rule or setting of its former life. */
  get namespace(): string {
    return `hz-${this.#environment.id}-${this.id}-${this.#boots}`;
  }

  async createNamespace(): Promise<void> {
    await must("ip", ["netns", "add", this.namespace]);
    await must("nsenter", [
      `--net=/run/netns/${this.namespace}`,
      "sysctl",
      "-q",
      "-w",
      "net.ipv6.conf.all.accept_dad=0",
      "net.ipv6.conf.default.accept_dad=0",
    ]);
  }

  async start(record: ServerRecord): Promise<void> {
    if (this.#running !== null) return;
    this.#wanted = "on";
    await this.#boot(record);
  }

  /** Presses the power button until the machine is off; rejects when it is still on after `limitMs`. */
  async shutDown(limitMs = powerOffLimitMs): Promise<void> {
    this.#wanted = "off";
    const deadline = Date.now() + limitMs;
    // Once more when the machine was in the middle of a reboot of its own.
    do {
      if (Date.now() >= deadline) {
        this.#wanted = "on";
        throw new Error(`server ${this.id} is still running ${limitMs / 1000} s after the power button was pressed`);
      }
      // One press may come before the machine listens.
      if (this.#running !== null && isAlive(this.#running.leader))
        process.kill(this.#running.leader.pid, powerOffSignal);
      const waitMs = Math.min(powerButtonMs, Math.max(deadline - Date.now(), 0));
      // The machine keeps this process alive, the clock must not.
      await Promise.race([this.#gone, sleep(waitMs, undefined, { ref: false })]);
    } while (this.#running !== null);
  }

  /** Pulls the plug. */
  async kill(): Promise<void> {
    this.#wanted = "off";
    do {
      // The cards go first: a machine without power says no goodbye to its peers.
      await this.#silence();
      if (this.#running !== null && isAlive(this.#running.leader)) process.kill(this.#running.leader.pid, "SIGKILL");
      await this.#gone;
    } while (this.#running !== null);
  }

  async #boot(record: ServerRecord): Promise<void> {
    await this.#hooks.networkLock(() => this.#moveCards());
    const disk = diskOf(this.#environment, this.id);
    const machine = `hz-${this.#environment.id}-${this.id}`;
    const groups = ensureGroups(this.#environment.id, `m${this.id}`);
    limitGroups(groups, record.spec.size);
    const running = await boot({
      machine,
      hostname: record.spec.name,
      root: disk.merged,
      namespace: this.namespace,
      groups,
      serial: disk.serial,
      devices: disk.devices,
      console: disk.console,
    });
    this.#running = running;
    this.#gone = running.ended.then(async (ending) => {
      this.#running = null;
      await this.#silence();
      await run("rmdir", [`/run/systemd/nspawn/propagate/${machine}`]);
      if (this.#wanted === "on") await this.#onSurprise(record, ending === "reboot");
      this.#hooks.onChange();
    });
    this.#hooks.onChange();
  }

  async removeNamespace(): Promise<void> {
    await run("ip", ["netns", "delete", this.namespace]);
  }

  async #moveCards(): Promise<void> {
    const before = this.namespace;
    this.#boots += 1;
    await this.createNamespace();
    const cards = this.#hooks.linksOf(this.id).map(({ inside }) => inside);
    if (cards.length > 0) {
      const move = cards.map((card) => `link set ${card} netns ${this.namespace}\n`).join("");
      const wake = cards.map((card) => `link set ${card} up\n`).join("");
      await must("ip", ["-n", before, "-batch", "-"], { input: move });
      await must("ip", ["-n", this.namespace, "-batch", "-"], { input: wake });
    }
    await run("ip", ["netns", "delete", before]);
  }

  /** Takes the carrier off the cards: nothing answers for a machine that is off. */
  async #silence(): Promise<void> {
    const down = this.#hooks.linksOf(this.id).map(({ inside }) => `link set ${inside} down\n`);
    if (down.length > 0) await run("ip", ["-n", this.namespace, "-force", "-batch", "-"], { input: down.join("") });
  }

  async #onSurprise(record: ServerRecord, reboot: boolean): Promise<void> {
    this.#hooks.log(`${record.spec.name}: the machine ${reboot ? "reboots" : "went off"} by itself`);
    if (reboot) {
      try {
        await this.#boot(record);
        return;
      } catch (error) {
        this.#hooks.log(`${record.spec.name}: ${(error as Error).message}`);
      }
    }
    this.#hooks.onPower(this.id, "off");
  }
}
