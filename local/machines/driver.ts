import { mkdir, writeFile } from "node:fs/promises";
import type { MachineDriver, MachineSize, MachineSpec, Topology, VolumeSpec } from "../hetzner/driver.ts";
import { type Backbone, startBackbone } from "./backbone.ts";
import { machinesAvailable } from "./capability.ts";
import { groupsOf, limitGroups } from "./cgroup.ts";
import { createDisk, createSnapshot, diskOf, mountDisk, removeDisk, removeSnapshot } from "./disk.ts";
import { type Environment, environmentOf } from "./environment.ts";
import { Fleet, type PowerListener } from "./fleet.ts";
import type { RootKind } from "./image.ts";
import { inotifyAdvice, raiseLimit } from "./inotify.ts";
import * as volumes from "./volumes.ts";

export type MachineDriverOptions = {
  /** Everything that outlives the process goes below `machines/` in this folder. */
  readonly stateDir: string;
  readonly log: (line: string) => void;
  /** What the image `debian-13` is: with the packages of all roles (left out), or as Hetzner ships it. */
  readonly debian?: RootKind;
};

export type LocalMachineDriver = MachineDriver & {
  /** Shuts all machines down, while what they reach on the internet can still be there. */
  stopMachines(): Promise<void>;
  /** Shuts down what still runs and removes everything but the disks. */
  close(): Promise<void>;
};

/** Milliseconds the machines of a cloud have to stop; `stopSeconds` in cli/local/cloud.ts must leave time for the rest. */
const graceMs = 20_000;

/** Runs the servers of the Hetzner emulator as machines of this host. Verbs on different servers run side by side. */
class LocalMachines implements LocalMachineDriver {
  readonly #environment: Environment;
  readonly #backbone: Backbone;
  readonly #fleet: Fleet;
  readonly #debian: RootKind;
  readonly #closing = new AbortController();

  constructor(fleet: Fleet, backbone: Backbone, debian: RootKind) {
    this.#environment = fleet.environment;
    this.#fleet = fleet;
    this.#backbone = backbone;
    this.#debian = debian;
  }

  provision(spec: MachineSpec): Promise<void> {
    return this.#fleet.withServer(spec.id, async () => {
      if (!this.#fleet.has(spec.id)) await this.#makeDisk(spec);
    });
  }

  rebuild(spec: MachineSpec): Promise<void> {
    return this.#fleet.withServer(spec.id, async () => {
      this.#mustBeOff(spec.id, "rebuild");
      await this.#makeDisk(spec);
    });
  }

  start(id: number): Promise<void> {
    return this.#fleet.withServer(id, async () => {
      const record = this.#fleet.record(id);
      const machine = await this.#fleet.machine(id);
      await mountDisk(this.#environment, record);
      await this.#noteDevices(id);
      await machine.start(record);
    });
  }

  stop(id: number, how: "graceful" | "hard"): Promise<void> {
    return this.#fleet.withServer(id, async () => {
      if (!this.#fleet.has(id)) return;
      const machine = await this.#fleet.machine(id);
      await (how === "hard" ? machine.kill() : machine.shutDown());
    });
  }

  async reset(id: number): Promise<void> {
    await this.stop(id, "hard");
    await this.start(id);
  }

  resize(id: number, size: MachineSize): Promise<void> {
    return this.#fleet.withServer(id, async () => {
      this.#mustBeOff(id, "resize");
      const record = this.#fleet.record(id);
      this.#fleet.remember({ ...record, spec: { ...record.spec, size } });
      limitGroups(groupsOf(this.#environment.id, `m${id}`), size);
    });
  }

  destroy(id: number): Promise<void> {
    return this.#fleet.withServer(id, async () => {
      await this.#fleet.forget(id);
      for (const { spec } of await volumes.volumesOf(this.#environment, id)) {
        await volumes.detachVolume(this.#environment, spec.id);
      }
      await removeDisk(this.#environment, id);
    });
  }

  snapshot(id: number, imageId: number): Promise<void> {
    return this.#fleet.withServer(id, () => createSnapshot(this.#environment, this.#fleet.record(id), imageId));
  }

  deleteSnapshot(imageId: number): Promise<void> {
    return removeSnapshot(this.#environment, imageId);
  }

  createVolume(spec: VolumeSpec): Promise<void> {
    return volumes.createVolume(this.#environment, spec);
  }

  attachVolume(volumeId: number, serverId: number, automount: boolean): Promise<void> {
    return this.#fleet.withServer(serverId, async () => {
      this.#fleet.record(serverId);
      const volume = await volumes.attachVolume(this.#environment, volumeId, serverId);
      await this.#noteDevices(serverId);
      await this.#fleet.tell(serverId, volumes.plugScript(volume));
      if (!automount) return;
      await volumes.addAutomount(diskOf(this.#environment, serverId).merged, volume);
      await this.#fleet.tell(serverId, volumes.mountScript(volume));
    });
  }

  async detachVolume(volumeId: number): Promise<void> {
    const server = volumes.holderOf(this.#environment, volumeId);
    if (server === undefined) return;
    await this.#fleet.withServer(server, async () => {
      await this.#fleet.tell(server, volumes.unplugScript(volumes.readVolume(this.#environment, volumeId)));
      await volumes.detachVolume(this.#environment, volumeId);
      await this.#noteDevices(server);
    });
  }

  resizeVolume(volumeId: number, sizeGiB: number): Promise<void> {
    return volumes.resizeVolume(this.#environment, volumeId, sizeGiB);
  }

  deleteVolume(volumeId: number): Promise<void> {
    return volumes.deleteVolume(this.#environment, volumeId);
  }

  syncNetwork(topology: Topology): Promise<void> {
    return this.#fleet.connect(topology);
  }

  onPowerChange(listener: PowerListener): void {
    this.#fleet.onPowerChange(listener);
  }

  stopMachines(): Promise<void> {
    return this.#fleet.stopAll(graceMs);
  }

  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.stopMachines();
    await this.#backbone.close();
  }

  async #makeDisk(spec: MachineSpec): Promise<void> {
    await this.#fleet.introduce(await createDisk(this.#environment, spec, this.#debian, this.#fleet.log));
  }

  /** What the next boot finds plugged in, also one that the machine makes by itself. */
  async #noteDevices(id: number): Promise<void> {
    const attached = await volumes.volumesOf(this.#environment, id);
    await writeFile(diskOf(this.#environment, id).devices, volumes.deviceLines(attached));
  }

  #mustBeOff(id: number, verb: string): void {
    if (this.#fleet.isRunning(id)) throw new Error(`server ${id} is running: ${verb} needs it off`);
  }
}

/**
 * Starts the local cloud's machines on this host. Whatever an earlier process left running is cleared first; its servers and
 * volumes are kept and stay off until they are started. Rejects with everything that is missing when the host cannot.
 */
export const createMachineDriver = async (options: MachineDriverOptions): Promise<LocalMachineDriver> => {
  const capability = machinesAvailable();
  if (!capability.ok) throw new Error(`this host cannot run machines; missing: ${capability.missing.join(", ")}`);
  const advice = inotifyAdvice();
  if (advice !== null) options.log(advice);
  raiseLimit();
  await mkdir(options.stateDir, { recursive: true });
  const environment = environmentOf(options.stateDir);
  const backbone = await startBackbone(environment, options.log);
  const fleet = new Fleet(environment, backbone, options.log);
  try {
    await volumes.restoreVolumes(environment);
    await fleet.restore();
  } catch (error) {
    await backbone.close();
    throw error;
  }
  return new LocalMachines(fleet, backbone, options.debian ?? "baked");
};
