/** A local cloud of its own for one test: temp state folder, free ports, gone when the test ends. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type CloudEndpoints, controlUrl, startCloud, stopCloud } from "../../cli/local/cloud.ts";
import { search } from "../../cli/local/context.ts";
import { ensureObjectStore } from "../../cli/local/object-store.ts";
import { seedZone, type Zone } from "../../cli/local/seed.ts";
import { repoRoot } from "../../cli/paths.ts";
import { createProgress } from "../../cli/progress.ts";
import { killSession } from "../../cli/process/session.ts";

const silent = createProgress({ quiet: true, stream: process.stderr });

export type Reply = { readonly status: number; readonly headers: Headers; readonly body: unknown };

export type Api = {
  /** `path` below the API's base, such as `/servers`. */
  request(method: string, path: string, body?: unknown): Promise<Reply>;
  /** The control API on the same port: `clock`, `faults`, `requests`, … Fails the test on an error status. */
  control(method: string, route: string, body?: unknown): Promise<unknown>;
};

export type LocalCloud = {
  readonly endpoints: CloudEndpoints;
  readonly stateDir: string;
  readonly logFile: string;
  readonly hetzner: Api;
  readonly cloudflare: Api;
  stop(): Promise<void>;
  /** As a power cut: kill -9, no clean-up. */
  kill(): Promise<void>;
  /** Starts it again on the same state and ports. */
  restart(): Promise<void>;
};

export type LocalCloudOptions = {
  readonly machines?: boolean;
  /** Zones that exist in the Cloudflare account from the start. */
  readonly zones?: readonly Zone[];
};

function apiAt({ endpoint, token }: { readonly endpoint: string; readonly token: string }): Api {
  const request = async (method: string, url: string, body: unknown): Promise<Reply> => {
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === "" ? undefined : JSON.parse(text) };
  };
  return {
    request: (method, path, body) => request(method, `${endpoint.replace(/\/$/, "")}${path}`, body),
    async control(method, route, body) {
      const reply = await request(method, controlUrl(endpoint, route), body);
      if (reply.status >= 400) {
        throw new Error(`control ${method} ${route}: ${reply.status} ${JSON.stringify(reply.body)}`);
      }
      return reply.body;
    },
  };
}

/** Starts a local cloud that ends with the test, or with this process should it be killed. */
export async function startLocalCloud(
  t: Pick<TestContext, "after">,
  options: LocalCloudOptions = {},
): Promise<LocalCloud> {
  const folder = mkdtempSync(join(tmpdir(), "chitlaq-cloud-"));
  const start = {
    repoRoot,
    stateDir: join(folder, "state"),
    logFile: join(folder, "cloud.log"),
    machines: options.machines === true,
    objectStore: options.machines === true ? await ensureObjectStore(search, silent) : undefined,
    parentPid: process.pid,
    signal: new AbortController().signal,
  };
  const forget = () => rmSync(folder, { recursive: true, force: true });
  let endpoints = await startCloud(start).catch((error: unknown) => {
    const log = existsSync(start.logFile) ? readFileSync(start.logFile, "utf8").slice(-2000) : "";
    forget();
    throw new Error(`the local cloud did not start\n${log}`, { cause: error });
  });
  t.after(async () => {
    await stopCloud(endpoints);
    forget();
  });
  for (const zone of options.zones ?? []) await seedZone(endpoints.cloudflare, zone, start.signal);
  return {
    get endpoints() {
      return endpoints;
    },
    stateDir: start.stateDir,
    logFile: start.logFile,
    hetzner: apiAt(endpoints.hetzner),
    cloudflare: apiAt(endpoints.cloudflare),
    stop: () => stopCloud(endpoints),
    kill: () => killSession(endpoints.pid),
    async restart() {
      const before = endpoints;
      endpoints = await startCloud(start);
      if (endpoints.hetzner.endpoint !== before.hetzner.endpoint)
        throw new Error("the cloud came back on another port");
    },
  };
}
