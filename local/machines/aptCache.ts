import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { dirname, join, normalize, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";

export type AptCache = { close(): Promise<void> };

export type AptCacheOptions = {
  /** Unix socket to listen on. */
  readonly socket: string;
  readonly log: (line: string) => void;
  /** Where files are kept; left out: the project's cache, shared by all environments. */
  readonly folder?: string;
  /** Fetches from a mirror; left out: over the network. */
  readonly fetchFile?: (url: string) => Promise<Response>;
};

const projectCache = resolve(import.meta.dirname, "../../.cache/machines/apt");
/** Indexes are asked for again after this time; until then every machine sees the same state of the archive. */
const indexLifetimeMs = 12 * 3600 * 1000;

type Found = { readonly file: string } | { readonly status: number };

/** Package files and what is named by its own hash never change; the rest are indexes. */
const isImmutable = (path: string): boolean => path.includes("/pool/") || path.includes("/by-hash/");

const ageOf = async (file: string): Promise<number | null> => {
  const found = await stat(file).catch(() => null);
  return found === null ? null : Date.now() - found.mtimeMs;
};

const store = async (answer: Response, file: string): Promise<Found> => {
  if (answer.status !== 200 || answer.body === null) return { status: answer.status };
  await mkdir(dirname(file), { recursive: true });
  const partial = `${file}.${process.pid}.part`;
  try {
    await pipeline(Readable.fromWeb(answer.body as ReadableStream), createWriteStream(partial));
    await rename(partial, file);
  } finally {
    await rm(partial, { force: true });
  }
  return { file };
};

/**
 * Mirrors of Debian for machines that cannot leave the host, on a unix socket. What was fetched once is kept; an index that
 * cannot be refreshed is served as it is, so that a known image works without a network.
 */
export const startAptCache = async (options: AptCacheOptions): Promise<AptCache> => {
  const { socket, log, folder = projectCache, fetchFile = fetch } = options;
  const underway = new Map<string, Promise<Found>>();

  const find = async (host: string, path: string): Promise<Found> => {
    const file = join(folder, host, path);
    const age = await ageOf(file);
    if (age !== null && (isImmutable(path) || age < indexLifetimeMs)) return { file };
    const url = `http://${host}${path}`;
    // Many machines ask for the same file at the same time.
    const fetching =
      underway.get(url) ??
      fetchFile(url)
        .then((answer) => store(answer, file))
        .finally(() => underway.delete(url));
    underway.set(url, fetching);
    try {
      return await fetching;
    } catch (error) {
      log(`apt cache: ${url}: ${(error as Error).message}`);
      return age === null ? { status: 502 } : { file };
    }
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const host = (request.headers.host ?? "").replace(/:\d+$/, "");
    const path = normalize(decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname));
    if (!/^(deb|security)\.debian\.org$/.test(host) || request.method !== "GET") {
      response.writeHead(403).end();
      return;
    }
    const found = await find(host, path);
    if ("status" in found) {
      response.writeHead(found.status).end();
      return;
    }
    const { size, mtime } = await stat(found.file);
    const since = Date.parse(request.headers["if-modified-since"] ?? "");
    const headers = { "last-modified": mtime.toUTCString() };
    if (since >= Math.floor(mtime.getTime() / 1000) * 1000) {
      response.writeHead(304, headers).end();
      return;
    }
    response.writeHead(200, { ...headers, "content-length": size });
    await pipeline(createReadStream(found.file), response);
  };

  const server = createServer((request, response) => {
    serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((done, reject) => server.once("error", reject).listen(socket, done));
  return {
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
};
