import { existsSync, readFileSync } from "node:fs";
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { MachineSpec } from "../hetzner/driver.ts";
import { type Environment, readJson, writeJson } from "./environment.ts";
import { ensureBase, ensureTweaks, type RootKind } from "./image.ts";
import { must } from "./run.ts";
import { ensureTrust } from "./trust.ts";

/** Files of one server. `merged` is its disk as the machine sees it, also while the machine is off. */
export type DiskPaths = {
  readonly folder: string;
  readonly record: string;
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
  /** Layers of the snapshot it was made from, copied: a snapshot may be deleted while its servers live on. */
  readonly layers: string;
  readonly serial: string;
  readonly console: string;
  readonly devices: string;
};

/** What the driver keeps of a server on disk. `base` is the folder its disk stands on: another one would not fit. */
export type ServerRecord = { readonly spec: MachineSpec; readonly base: string };

type SnapshotRecord = { readonly base: string };

export const diskOf = (environment: Environment, id: number): DiskPaths => {
  const folder = join(environment.folder, "servers", String(id));
  const below = (name: string): string => join(folder, name);
  return {
    folder,
    record: below("server.json"),
    upper: below("up"),
    work: below("work"),
    merged: below("merged"),
    layers: below("layers"),
    serial: below("serial"),
    console: below("console.log"),
    devices: below("devices.conf"),
  };
};

const snapshotFolder = (environment: Environment, imageId: number): string =>
  join(environment.folder, "snapshots", String(imageId));

export const readServer = (environment: Environment, id: number): ServerRecord | null =>
  readJson<ServerRecord>(diskOf(environment, id).record);

export const writeServer = (environment: Environment, record: ServerRecord): void =>
  writeJson(diskOf(environment, record.spec.id).record, record);

export const storedServers = async (environment: Environment): Promise<ServerRecord[]> => {
  const folder = join(environment.folder, "servers");
  if (!existsSync(folder)) return [];
  const ids = (await readdir(folder)).map(Number).filter(Number.isInteger);
  return ids.map((id) => readServer(environment, id)).filter((record) => record !== null);
};

export const isMounted = (path: string): boolean =>
  readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[1] === path);

const layersIn = async (folder: string): Promise<string[]> =>
  existsSync(folder)
    ? (await readdir(folder)).sort((a, b) => Number(a) - Number(b)).map((name) => join(folder, name))
    : [];

/** Mounts the disk of a server; does nothing when it is mounted. */
export const mountDisk = async (environment: Environment, { spec, base }: ServerRecord): Promise<void> => {
  const disk = diskOf(environment, spec.id);
  if (isMounted(disk.merged)) return;
  if (!existsSync(base)) {
    throw new Error(`server ${spec.id}: its disk stands on ${base}, which is gone; rebuild or delete the server`);
  }
  for (const folder of [disk.upper, disk.work, disk.merged]) await mkdir(folder, { recursive: true });
  const lower = [
    ...(await layersIn(disk.layers)),
    await ensureTrust(environment, base),
    await ensureTweaks(),
    base,
  ].join(":");
  const options = `lowerdir=${lower},upperdir=${disk.upper},workdir=${disk.work}`;
  await must("mount", ["-t", "overlay", `hz-${environment.id}-${spec.id}`, "-o", options, disk.merged]);
};

export const unmountDisk = async (environment: Environment, id: number): Promise<void> => {
  const { merged } = diskOf(environment, id);
  if (isMounted(merged)) await must("umount", [merged]);
};

const findSnapshot = (environment: Environment, image: string): { readonly base: string; readonly folder: string } => {
  const folder = snapshotFolder(environment, Number(image));
  const record = /^\d+$/.test(image) ? readJson<SnapshotRecord>(join(folder, "snapshot.json")) : null;
  if (record !== null) return { base: record.base, folder };
  throw new Error(
    `image ${image}: machines of the local cloud boot debian-13 or a snapshot made here; choose one of these`,
  );
};

/** A fresh disk for the server: what was on it is gone. The machine must be off. */
export const createDisk = async (
  environment: Environment,
  spec: MachineSpec,
  debian: RootKind,
  log: (line: string) => void,
): Promise<ServerRecord> => {
  const snapshot = spec.image === "debian-13" ? null : findSnapshot(environment, spec.image);
  const base = snapshot?.base ?? (await ensureBase(debian, log));
  const disk = diskOf(environment, spec.id);
  await unmountDisk(environment, spec.id);
  for (const folder of [disk.upper, disk.work, disk.layers]) await rm(folder, { recursive: true, force: true });
  await mkdir(disk.folder, { recursive: true });
  if (snapshot !== null) await must("cp", ["-a", "--reflink=auto", join(snapshot.folder, "layers"), disk.layers]);
  await writeFile(disk.serial, `${spec.id}\n`);
  await writeFile(disk.devices, "");
  const record = { spec, base };
  await mountDisk(environment, record);
  // Written last: a server without a record was never finished and is made anew.
  writeServer(environment, record);
  return record;
};

export const removeDisk = async (environment: Environment, id: number): Promise<void> => {
  await unmountDisk(environment, id);
  await rm(diskOf(environment, id).folder, { recursive: true, force: true });
};

/** Copies what the server wrote, and the layers it stands on, into a snapshot. */
export const createSnapshot = async (
  environment: Environment,
  record: ServerRecord,
  imageId: number,
): Promise<void> => {
  const target = snapshotFolder(environment, imageId);
  if (existsSync(join(target, "snapshot.json"))) return;
  const disk = diskOf(environment, record.spec.id);
  const sources = [disk.upper, ...(await layersIn(disk.layers))];
  await rm(target, { recursive: true, force: true });
  await mkdir(join(target, "layers"), { recursive: true });
  for (const [index, source] of sources.entries()) {
    await must("cp", ["-a", "--reflink=auto", source, join(target, "layers", String(index))]);
  }
  writeJson(join(target, "snapshot.json"), { base: record.base } satisfies SnapshotRecord);
};

export const removeSnapshot = (environment: Environment, imageId: number): Promise<void> =>
  rm(snapshotFolder(environment, imageId), { recursive: true, force: true });
