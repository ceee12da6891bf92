/** Bakes the packages of all roles into a snapshot: a temporary server installs them, powers off and is copied. */
import { z } from "zod";
import { Fault } from "../errors.ts";
import { act, actionEnded, type Waiting } from "../hetzner-action.ts";
import { impatience } from "../interrupt.ts";
import { until } from "../process/pause.ts";
import type { Progress } from "../progress.ts";
import { type Api, type ApiAccess, ApiError, createApi } from "../recovery/api.ts";
import { bakeUserData, packageSetHash } from "./package-set.ts";
import { bakingTypes } from "./server-type.ts";

export type BakeOptions = {
  readonly access: ApiAccess;
  readonly location: string;
  /** Bakes although there is a snapshot of these packages, to get newer versions of them. */
  readonly force: boolean;
  /** Installing takes some minutes on a small server. */
  readonly installTimeoutMs: number;
  readonly everyMs: number;
  readonly signal: AbortSignal;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

export type Baked = {
  /** For `image` of the config. */
  readonly id: string;
  readonly packages: string;
  /** False when a snapshot of these packages was there. */
  readonly created: boolean;
};

const base = "debian-13";
/** A server of an earlier bake that is older than this was left behind by a run that was killed. */
const abandonedMs = 3_600_000;
/** A snapshot in the making holds its server for some minutes. */
const cleanupMs = 900_000;

const labels = (packages: string) => ({ project: "chitlaq", purpose: "image", base, packages });

const image = z.object({ id: z.int(), status: z.string(), created: z.string() });
const images = z.object({ images: z.array(image) });
const server = z.object({ id: z.int(), status: z.string(), created: z.string() });
const servers = z.object({ servers: z.array(server) });
const created = z.object({ server, action: z.unknown() });

/** The newest finished snapshot of these packages. */
async function existingImage(api: Api, packages: string): Promise<string | undefined> {
  const selector = Object.entries(labels(packages)).map(([key, value]) => `${key}=${value}`);
  const query = `type=snapshot&status=available&label_selector=${encodeURIComponent(selector.join(","))}`;
  const found = images.parse(await api.get(`/images?${query}`)).images;
  // Those of one second are told apart by their ids, which rise.
  const newest = found.toSorted((a, b) => Date.parse(b.created) - Date.parse(a.created) || b.id - a.id)[0];
  return newest === undefined ? undefined : String(newest.id);
}

/** One bake at a time: server names are unique in a project. */
async function clearWay(api: Api, name: string, options: BakeOptions, progress: Progress): Promise<void> {
  const [found] = servers.parse(await api.get(`/servers?name=${name}`)).servers;
  if (found === undefined) return;
  if (options.now() - Date.parse(found.created) < abandonedMs) {
    throw new Fault(`The server ${name} (id ${found.id}) exists: another bake is at work, or one was killed.`, [
      "wait for it",
      `or delete the server and try again: hcloud server delete ${found.id}`,
    ]);
  }
  await removeServer(found.id, options, progress);
}

/** Creates the server on the first type that is in stock. */
async function createServer(
  api: Api,
  name: string,
  packages: string,
  options: BakeOptions,
): Promise<z.output<typeof created>> {
  const types = await bakingTypes(api, options.location);
  for (const type of types) {
    try {
      const body = {
        name,
        server_type: type,
        image: base,
        location: options.location,
        user_data: bakeUserData(),
        labels: labels(packages),
      };
      return created.parse(await api.post("/servers", body));
    } catch (error) {
      if (!(error instanceof ApiError) || !/resource_unavailable|placement_error/.test(error.message)) throw error;
    }
  }
  throw new Fault(`--location: ${options.location} given, none of ${types.join(", ")} is in stock there`);
}

async function waitUntilOff(api: Api, id: number, { installTimeoutMs, everyMs, signal }: BakeOptions): Promise<void> {
  const look = async (): Promise<true | undefined> => {
    const answer = z.object({ server }).parse(await api.get(`/servers/${id}`));
    return answer.server.status === "off" ? true : undefined;
  };
  const off = await until(look, { everyMs, timeoutMs: installTimeoutMs }, signal);
  if (off === undefined) {
    throw new Fault(
      `The packages were not installed within ${installTimeoutMs / 60_000} min: the server powers off when they are.`,
    );
  }
}

async function snapshotOf(api: Api, id: number, packages: string, waiting: Waiting): Promise<string> {
  const body = { type: "snapshot", description: `ChitLaq ${base} ${packages}`, labels: labels(packages) };
  const answer = await act(api, `/servers/${id}/actions/create_image`, body, waiting);
  return String(z.object({ image }).parse(answer).image.id);
}

/** @returns the snapshot, the one that is there or a new one. Whatever happens, the temporary server is gone afterwards. */
export async function bakeImage(options: BakeOptions, progress: Progress): Promise<Baked> {
  const { everyMs, signal } = options;
  const api = createApi(options.access, signal);
  const packages = packageSetHash();
  const existing = await existingImage(api, packages);
  if (existing !== undefined && !options.force) return { id: existing, packages, created: false };
  const name = `chitlaq-image-${packages}`;
  await clearWay(api, name, options, progress);
  const waiting = { signal, everyMs, timeoutMs: 1_800_000 };
  let id: number | undefined;
  try {
    const made = await progress.step("Creating a temporary server", async () => {
      const answer = await createServer(api, name, packages, options);
      id = answer.server.id;
      await actionEnded(api, answer.action, waiting);
      return answer.server.id;
    });
    await progress.step("Installing the packages of all roles", () => waitUntilOff(api, made, options));
    const snapshot = await progress.step("Taking the snapshot", () => snapshotOf(api, made, packages, waiting));
    return { id: snapshot, packages, created: true };
  } finally {
    const left = id ?? (await lostServer(options, name));
    if (left !== undefined) await removeServer(left, options, progress);
  }
}

/**
 * Not ended by the first Ctrl-C, only by the second. A snapshot that is being taken holds the server; it is whole when it is
 * done, so the next run finds it.
 */
async function removeServer(id: number, { access, everyMs }: BakeOptions, progress: Progress): Promise<void> {
  const api = createApi(access, impatience);
  const timing = { everyMs, timeoutMs: cleanupMs };
  const remove = async (): Promise<true | undefined> => {
    if ((await until(() => deletionBegun(api, id), timing, impatience)) === undefined) return undefined;
    const look = async (): Promise<true | undefined> =>
      (await api.get(`/servers/${id}`)) === undefined ? true : undefined;
    return until(look, timing, impatience);
  };
  try {
    if ((await progress.step("Removing the temporary server", remove)) === true) return;
  } catch (error) {
    if (!impatience.aborted) throw error;
  }
  throw new Fault(`The temporary server ${id} is still there and costs money.`, [
    `delete it: hcloud server delete ${id}`,
  ]);
}

/** @returns undefined when another action holds the server. */
async function deletionBegun(api: Api, id: number): Promise<true | undefined> {
  try {
    await api.send("DELETE", `/servers/${id}`);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.status === 423) return undefined;
    throw error;
  }
}

/** The server of a request whose answer Ctrl-C cut off. */
async function lostServer({ access, signal }: BakeOptions, name: string): Promise<number | undefined> {
  if (!signal.aborted) return undefined;
  return servers.parse(await createApi(access, impatience).get(`/servers?name=${name}`)).servers[0]?.id;
}
