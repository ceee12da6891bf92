import { existsSync } from "node:fs";
import { appendFile, mkdir, readdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { VolumeSpec } from "../hetzner/driver.ts";
import { type Environment, readJson, writeJson } from "./environment.ts";
import { must } from "./run.ts";

export type Attachment = {
  readonly server: number;
  /** Loop device of the host, e.g. `/dev/loop3`. */
  readonly loop: string;
  /** Name in the machine, `/dev/sdb` for the first volume. */
  readonly device: string;
};

export type Volume = { readonly spec: VolumeSpec; readonly attached: Attachment | null };

const gib = 1024 ** 3;

const imageFile = (environment: Environment, id: number): string => join(environment.folder, "volumes", `${id}.img`);
const recordFile = (environment: Environment, id: number): string => join(environment.folder, "volumes", `${id}.json`);

export const readVolume = (environment: Environment, id: number): Volume => {
  const volume = readJson<Volume>(recordFile(environment, id));
  if (volume === null) throw new Error(`volume ${id}: the driver does not know it; create it first`);
  return volume;
};

const writeVolume = (environment: Environment, volume: Volume): void =>
  writeJson(recordFile(environment, volume.spec.id), volume);

export const storedVolumes = async (environment: Environment): Promise<Volume[]> => {
  const folder = join(environment.folder, "volumes");
  if (!existsSync(folder)) return [];
  const records = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  return records.map((name) => readVolume(environment, Number.parseInt(name, 10)));
};

export const volumesOf = async (environment: Environment, server: number): Promise<Volume[]> =>
  (await storedVolumes(environment)).filter(({ attached }) => attached?.server === server);

export const createVolume = async (environment: Environment, spec: VolumeSpec): Promise<void> => {
  if (existsSync(recordFile(environment, spec.id))) return;
  const file = imageFile(environment, spec.id);
  await mkdir(join(environment.folder, "volumes"), { recursive: true });
  await writeFile(file, "");
  await truncate(file, spec.sizeGiB * gib);
  if (spec.format === "ext4")
    await must("mkfs.ext4", ["-q", "-F", "-E", "lazy_itable_init=1,lazy_journal_init=1", file]);
  if (spec.format === "xfs") await must("mkfs.xfs", ["-q", "-f", file]);
  writeVolume(environment, { spec, attached: null });
};

/** A device that a machine has not let go of yet is used again: two devices of one file would each have their own truth. */
const attachLoop = async (environment: Environment, id: number): Promise<string> =>
  (await must("losetup", ["--find", "--nooverlap", "--show", imageFile(environment, id)])).trim();

const freeDevice = (taken: readonly Volume[]): string => {
  const names = taken.map(({ attached }) => attached?.device);
  const letter = [..."bcdefghijklmnopq"].find((candidate) => !names.includes(`/dev/sd${candidate}`));
  if (letter === undefined) throw new Error("a server takes at most 16 volumes");
  return `/dev/sd${letter}`;
};

/** Gives the volume a block device for the server; its machine gets to see it by {@link deviceLines} or {@link plugScript}. */
export const attachVolume = async (environment: Environment, id: number, server: number): Promise<Volume> => {
  const volume = readVolume(environment, id);
  if (volume.attached?.server === server && existsSync(volume.attached.loop)) return volume;
  const device = freeDevice(await volumesOf(environment, server));
  const attached = { spec: volume.spec, attached: { server, device, loop: await attachLoop(environment, id) } };
  writeVolume(environment, attached);
  return attached;
};

/** Loop devices do not outlive the process that ran the machines: makes them again for every attached volume. */
export const restoreVolumes = async (environment: Environment): Promise<void> => {
  for (const volume of await storedVolumes(environment)) {
    if (volume.attached === null) continue;
    const attached = { ...volume.attached, loop: await attachLoop(environment, volume.spec.id) };
    writeVolume(environment, { ...volume, attached });
  }
};

/** The server a volume is attached to; undefined for a detached volume and for one that is gone. */
export const holderOf = (environment: Environment, id: number): number | undefined =>
  readJson<Volume>(recordFile(environment, id))?.attached?.server;

export const detachVolume = async (environment: Environment, id: number): Promise<void> => {
  const volume = readVolume(environment, id);
  if (volume.attached === null) return;
  await must("losetup", ["--detach", volume.attached.loop]);
  writeVolume(environment, { ...volume, attached: null });
};

/** Grows the volume; its file system is the machine's business, as on Hetzner. */
export const resizeVolume = async (environment: Environment, id: number, sizeGiB: number): Promise<void> => {
  const volume = readVolume(environment, id);
  await truncate(imageFile(environment, id), sizeGiB * gib);
  if (volume.attached !== null) await must("losetup", ["--set-capacity", volume.attached.loop]);
  writeVolume(environment, { ...volume, spec: { ...volume.spec, sizeGiB } });
};

export const deleteVolume = async (environment: Environment, id: number): Promise<void> => {
  if (!existsSync(recordFile(environment, id))) return;
  await detachVolume(environment, id);
  await rm(imageFile(environment, id), { force: true });
  await rm(recordFile(environment, id), { force: true });
};

/** Name that Hetzner documents for a volume, below /dev/disk/by-id. */
const linkName = (id: number): string => `scsi-0HC_Volume_${id}`;
const mountPoint = (id: number): string => `/mnt/HC_Volume_${id}`;

const minorOf = (loop: string): string => loop.replace("/dev/loop", "");

/** Lines of tmpfiles.d(5) that make the device and its link at boot: a machine has no udev that could. */
export const deviceLines = (volumes: readonly Volume[]): string =>
  volumes
    .flatMap(({ spec, attached }) =>
      attached === null
        ? []
        : [
            `b! ${attached.device} 0660 root disk - 7:${minorOf(attached.loop)}`,
            "d /dev/disk/by-id 0755 root root -",
            `L! /dev/disk/by-id/${linkName(spec.id)} - - - - ../..${attached.device.replace("/dev", "")}`,
          ],
    )
    .map((line) => `${line}\n`)
    .join("");

/** Commands for a running machine that do what {@link deviceLines} does at boot. */
export const plugScript = ({ spec, attached }: Volume): string =>
  attached === null
    ? ""
    : [
        "set -e",
        "mkdir -p /dev/disk/by-id",
        `[ -e ${attached.device} ] || mknod -m 0660 ${attached.device} b 7 ${minorOf(attached.loop)}`,
        `ln -sfn ../..${attached.device.replace("/dev", "")} /dev/disk/by-id/${linkName(spec.id)}`,
      ].join("\n");

/** Mounts what {@link addAutomount} wrote down, in a running machine. */
export const mountScript = ({ spec }: Volume): string =>
  `mountpoint -q ${mountPoint(spec.id)} || mount ${mountPoint(spec.id)}`;

/** Commands for a running machine before its volume goes: what is still mounted is let go of, as when the disk is pulled. */
export const unplugScript = ({ spec, attached }: Volume): string =>
  attached === null
    ? ""
    : [
        `while umount -l ${attached.device} 2>/dev/null; do :; done`,
        `rm -f ${attached.device} /dev/disk/by-id/${linkName(spec.id)}`,
      ].join("\n");

const fstabLine = ({ spec }: Volume): string =>
  `/dev/disk/by-id/${linkName(spec.id)} ${mountPoint(spec.id)} ${spec.format ?? "auto"} discard,nofail,defaults 0 0\n`;

/** What `automount` of the API leaves on a server's disk: an entry of fstab and the folder it names. */
export const addAutomount = async (root: string, volume: Volume): Promise<void> => {
  await mkdir(join(root, mountPoint(volume.spec.id)), { recursive: true });
  const fstab = join(root, "etc/fstab");
  const lines = existsSync(fstab) ? await readFile(fstab, "utf8") : "";
  if (!lines.includes(linkName(volume.spec.id))) await appendFile(fstab, fstabLine(volume));
};
