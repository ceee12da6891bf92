import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connectThrough } from "../machines/connect.ts";
import { addInternetHost, commandInInternet } from "../machines/internet.ts";
import { createLock } from "../machines/lock.ts";
import type { EnvironmentState } from "../machines/state.ts";
import type { Authority } from "./authority.ts";

/** Locations of Hetzner's Object Storage (docs.hetzner.com/storage/object-storage) and their addresses here. */
const addresses = { fsn1: "192.0.2.101", nbg1: "192.0.2.102", hel1: "192.0.2.103" } as const;
export type StorageLocation = keyof typeof addresses;
export const storageLocations = Object.keys(addresses) as readonly StorageLocation[];

export const storageHost = (location: StorageLocation): string => `${location}.your-objectstorage.com`;

export type BucketWish = {
  readonly location: StorageLocation;
  readonly bucket: string;
  /** A project's key opens all of its buckets; here it opens all of the location's. */
  readonly accessKey: string;
  readonly secretKey: string;
};

export type ObjectStorageOptions = {
  readonly environment: EnvironmentState;
  /** Holds buckets and keys, and outlives the process. */
  readonly folder: string;
  /** The program `versitygw`. */
  readonly program: string;
  readonly authority: Authority;
  readonly log: (line: string) => void;
};

type Accounts = { readonly accessAccounts: Readonly<Record<string, unknown>> };

const startTimeoutMs = 60_000;

const readAccounts = (file: string): Accounts =>
  existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Accounts) : { accessAccounts: {} };

/** The store reads its accounts anew for every request, so it must never see half a file. */
const writeAtomically = (file: string, text: string): void => {
  writeFileSync(`${file}.new`, text, { mode: 0o600 });
  renameSync(`${file}.new`, file);
};

/** S3-compatible storage under the names of Hetzner's, one process per location that has a bucket. */
export class ObjectStorage {
  readonly #options: ObjectStorageOptions;
  readonly #running = new Map<StorageLocation, ChildProcess>();
  readonly #lock = createLock();

  constructor(options: ObjectStorageOptions) {
    this.#options = options;
  }

  /** Starts the locations that have a bucket from an earlier run. */
  async restore(): Promise<void> {
    for (const location of storageLocations) {
      if (existsSync(this.#below(location))) await this.#lock(() => this.#start(location));
    }
  }

  /** Makes the bucket unless it is there, and lets the key in. What a customer does in Hetzner's Console. */
  give({ location, bucket, accessKey, secretKey }: BucketWish): Promise<void> {
    return this.#lock(async () => {
      mkdirSync(this.#below(location, "accounts"), { recursive: true, mode: 0o700 });
      mkdirSync(this.#below(location, "buckets", bucket), { recursive: true });
      const file = this.#below(location, "accounts", "users.json");
      const { accessAccounts } = readAccounts(file);
      const account = { access: accessKey, secret: secretKey, role: "admin", userID: 0, groupID: 0, projectID: 0 };
      writeAtomically(file, JSON.stringify({ accessAccounts: { ...accessAccounts, [accessKey]: account } }));
      await this.#start(location);
    });
  }

  /** Removes all buckets with their content, and all keys. */
  clear(): Promise<void> {
    return this.#lock(async () => {
      await this.#stop();
      rmSync(this.#options.folder, { recursive: true, force: true });
    });
  }

  close(): Promise<void> {
    return this.#lock(() => this.#stop());
  }

  async #start(location: StorageLocation): Promise<void> {
    if (this.#running.has(location)) return;
    const { environment, authority, program, log } = this.#options;
    const { certificate, key } = await authority.issue([storageHost(location)]);
    writeAtomically(this.#below(location, "tls.crt"), certificate);
    writeAtomically(this.#below(location, "tls.key"), key);
    await addInternetHost(environment, { addresses: [addresses[location]], names: [storageHost(location)] });
    const [command, args] = commandInInternet(environment, [program, ...this.#arguments(location)]);
    const child = spawn(command, args, {
      // Nobody signs in as root: its keys are thrown away.
      env: {
        PATH: process.env.PATH,
        ROOT_ACCESS_KEY: randomBytes(10).toString("hex"),
        ROOT_SECRET_KEY: randomBytes(20).toString("hex"),
      },
      stdio: ["ignore", "ignore", "pipe"],
      detached: true,
    });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = `${said}${text}`.slice(-2000);
    });
    child.once("exit", (code) => {
      // Those that are stopped are forgotten before.
      if (this.#running.get(location) !== child) return;
      this.#running.delete(location);
      log(`object storage ${location} ended with ${code ?? "a signal"}: ${said.trim()}`);
    });
    this.#running.set(location, child);
    await this.#answers(location);
  }

  #arguments(location: StorageLocation): readonly string[] {
    return [
      ...["--port", `${addresses[location]}:443`],
      ...["--region", location],
      ...["--cert", this.#below(location, "tls.crt")],
      ...["--key", this.#below(location, "tls.key")],
      ...["--iam-dir", this.#below(location, "accounts"), "--iam-cache-disable"],
      "--keep-alive",
      "--quiet",
      ...["posix", this.#below(location, "buckets")],
    ];
  }

  async #answers(location: StorageLocation): Promise<void> {
    const { internetSocket } = this.#options.environment;
    const destination = { host: addresses[location], port: 443 };
    for (const deadline = Date.now() + startTimeoutMs; Date.now() < deadline; await sleep(20)) {
      const socket = await connectThrough(internetSocket, destination).catch(() => null);
      socket?.destroy();
      if (socket !== null) return;
      if (!this.#running.has(location)) break;
    }
    throw new Error(`object storage ${location} did not start; the cloud's log says why`);
  }

  async #stop(): Promise<void> {
    const children = [...this.#running.values()];
    this.#running.clear();
    await Promise.all(
      children.map((child) => {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        return gone;
      }),
    );
  }

  #below(...names: readonly string[]): string {
    return join(this.#options.folder, ...names);
  }
}
