import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Hono } from "hono";
import { z } from "zod";
import { openCollections } from "../cloudflare/records.ts";
import { openEnvironment, runAt } from "../machines/access.ts";
import { Agent } from "../machines/agents/link.ts";
import { isHostName } from "../machines/agents/names.ts";
import { addInternetHost } from "../machines/internet.ts";
import { createLock } from "../machines/lock.ts";
import { internetAddress } from "../machines/network/apply.ts";
import { type EnvironmentState, namesFolder } from "../machines/state.ts";
import { authorityOf } from "../machines/trust.ts";
import type { LocalContext } from "../shared/context.ts";
import { ControlError, controlBody } from "../shared/control.ts";
import type { EdgeConfig } from "./edge/config.ts";
import { ObjectStorage, storageLocations } from "./objectStorage.ts";
import { EdgeCertificates, edgeZones, publicNames } from "./zones.ts";

/** In the first of Cloudflare's published ranges (cloudflare.com/ips): where visitors find it, and where origins see it come from. */
export const edgeAddress = "173.245.48.10";

export type InternetOptions = {
  readonly stateDir: string;
  readonly context: LocalContext;
  /** The program of the object store; left out: there is none. */
  readonly objectStore?: string;
  readonly log: (line: string) => void;
};

export type Internet = {
  /** Tells edge and resolvers what the Cloudflare API holds now. Returns at once; changes follow one another. */
  refresh(): void;
  /** Resolves when every change so far is in force. */
  settled(): Promise<void>;
  /** Routes for `/_local` of the Hetzner API. */
  readonly control: Hono;
  close(): Promise<void>;
};

/** Connections to the edge from the namespace itself come from the clients' address, and not from the edge's own. */
const seeClients = (environment: EnvironmentState): Promise<unknown> =>
  runAt(environment, "internet", [
    ...["ip", "route", "replace", "local", edgeAddress, "dev", "cloud"],
    ...["table", "local", "proto", "kernel", "scope", "host", "src", internetAddress.client],
  ]);

/** Names of the zones in the folder the resolvers read; those of an earlier state go. */
class ZoneNames {
  readonly #folder: string;
  #written: ReadonlyMap<string, string> = new Map();

  constructor(environment: EnvironmentState) {
    this.#folder = namesFolder(environment);
  }

  write(names: ReadonlyMap<string, string>): void {
    mkdirSync(this.#folder, { recursive: true });
    const wanted = new Map([...names].filter(([name]) => isHostName(name)));
    for (const name of this.#written.keys()) if (!wanted.has(name)) rmSync(join(this.#folder, name), { force: true });
    for (const [name, address] of wanted) writeFileSync(join(this.#folder, name), `${address}\n`);
    this.#written = wanted;
  }
}

const bucketInput = z.strictObject({
  location: z
    .enum(storageLocations as readonly [string, ...string[]])
    .transform((name) => name as (typeof storageLocations)[number]),
  // docs.hetzner.com/storage/object-storage/getting-started/creating-a-bucket
  bucket: z.string().regex(/^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/, "3 to 63 lower-case letters, digits and hyphens"),
  accessKey: z.string().min(3),
  secretKey: z.string().min(8),
});

const controlOf = (storage: ObjectStorage | null): Hono => {
  const app = new Hono();
  app.put("/object-storage", async (context) => {
    const wish = await controlBody(context.req, bucketInput);
    if (storage === null) throw new ControlError("this local cloud runs without an object store");
    await storage.give(wish);
    return context.body(null, 204);
  });
  return app;
};

const openStorage = async (
  { stateDir, objectStore, log }: InternetOptions,
  environment: EnvironmentState,
): Promise<ObjectStorage | null> => {
  if (objectStore === undefined) return null;
  if (!existsSync(objectStore)) throw new Error(`${objectStore}: no such program`);
  const authority = await authorityOf(stateDir);
  const folder = join(stateDir, "object-storage");
  const storage = new ObjectStorage({ environment, folder, program: objectStore, authority, log });
  await storage.restore();
  return storage;
};

/** Starts what the internet of a running environment of machines offers: Cloudflare's edge and Hetzner's object storage. */
export const startInternet = async (options: InternetOptions): Promise<Internet> => {
  const { stateDir, context, log } = options;
  const environment = openEnvironment(stateDir);
  const certificates = new EdgeCertificates(await authorityOf(stateDir));
  const storage = await openStorage(options, environment);
  await addInternetHost(environment, { addresses: [edgeAddress], names: [] });
  await seeClients(environment);
  const script = "../../internet/edge/agent.ts";
  const edge = new Agent<EdgeConfig>(environment.id, environment.internet, script, [edgeAddress], log);
  const names = new ZoneNames(environment);
  const data = openCollections(context.store);
  const lock = createLock();

  let last: Promise<void> = Promise.resolve();
  const apply = async (): Promise<void> => {
    await edge.configure({ zones: await edgeZones(data, certificates) });
    // A name is known once the edge answers to it.
    names.write(publicNames(data, edgeAddress));
  };
  const refresh = (): void => {
    last = lock(apply).catch((error: Error) => log(`edge: ${error.message}`));
  };
  const forget = async (): Promise<void> => storage?.clear();
  context.resetHooks.before.add(forget);
  context.resetHooks.after.add(refresh);
  refresh();
  await last;
  return {
    refresh,
    settled: () => last,
    control: controlOf(storage),
    close: async () => {
      context.resetHooks.before.delete(forget);
      context.resetHooks.after.delete(refresh);
      await last;
      await Promise.all([edge.stop(), storage?.close()]);
    },
  };
};
