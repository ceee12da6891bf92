/**
 * The local cloud as a process:
 *
 *     node local/main.ts --state-dir DIR [--hetzner-port N] [--cloudflare-port N] [--token T] [--parent-pid PID]
 *          [--machines [--object-store PROGRAM]]
 *
 * It binds 127.0.0.1 only, keeps its state, tokens and ports in DIR, and says where it is in DIR/endpoints.json.
 */
import { parseArgs } from "node:util";
import { createCloudflareApp } from "./cloudflare/app.ts";
import { createHetznerApp } from "./hetzner/app.ts";
import { type MachineDriver, noMachines } from "./hetzner/driver.ts";
import type { Internet } from "./internet/internet.ts";
import { type ApiApp, closeContext, createContext, type LocalContext } from "./shared/context.ts";
import {
  holderOf,
  type Identity,
  readIdentity,
  removeEndpoints,
  stateFile,
  writeEndpoints,
  writeIdentity,
} from "./shared/instance.ts";
import { type Listener, listen } from "./shared/serve.ts";
import { StoreLockedError } from "./shared/store.ts";

type Options = {
  readonly stateDir: string;
  readonly hetznerPort: number | undefined;
  readonly cloudflarePort: number | undefined;
  readonly token: string | undefined;
  readonly machines: boolean;
  readonly objectStore: string | undefined;
  readonly parentPid: number | undefined;
};

type RunningDriver = MachineDriver & { stopMachines(): Promise<void>; close(): Promise<void> };

class UsageError extends Error {
  override name = "UsageError";
}

function numberOption(name: string, text: string | undefined, max: number): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 0 || number > max) {
    throw new UsageError(`--${name}: '${text}' given, needs an integer from 0 to ${max}`);
  }
  return number;
}

function readOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      "state-dir": { type: "string" },
      "hetzner-port": { type: "string" },
      "cloudflare-port": { type: "string" },
      token: { type: "string" },
      machines: { type: "boolean", default: false },
      "object-store": { type: "string" },
      "parent-pid": { type: "string" },
    },
  });
  const stateDir = values["state-dir"];
  if (stateDir === undefined) throw new UsageError("--state-dir: not given, needs the directory of the state");
  if (values.token !== undefined && !/^[A-Za-z0-9]{64}$/.test(values.token)) {
    throw new UsageError("--token: needs exactly 64 letters and digits, as the official provider does");
  }
  if (values["object-store"] !== undefined && !values.machines) {
    throw new UsageError("--object-store: it serves machines; add --machines");
  }
  return {
    stateDir,
    hetznerPort: numberOption("hetzner-port", values["hetzner-port"], 65_535),
    cloudflarePort: numberOption("cloudflare-port", values["cloudflare-port"], 65_535),
    token: values.token,
    machines: values.machines,
    objectStore: values["object-store"],
    parentPid: numberOption("parent-pid", values["parent-pid"], 4_194_304),
  };
}

const log = (line: string): void => void process.stderr.write(`${new Date().toISOString()} ${line}\n`);

function openContext(stateDir: string): LocalContext {
  try {
    return createContext({ stateFile: stateFile(stateDir), log });
  } catch (error) {
    if (!(error instanceof StoreLockedError)) throw error;
    const holder = holderOf(stateDir);
    const who = holder === undefined ? "" : ` (process ${holder})`;
    throw new UsageError(`--state-dir: ${stateDir} is in use by another local cloud${who}; stop it or use another one`);
  }
}

async function openDriver(options: Options): Promise<RunningDriver> {
  const nothing = () => Promise.resolve();
  if (!options.machines) return { ...noMachines, stopMachines: nothing, close: nothing };
  const { createMachineDriver } = await import("./machines/driver.ts");
  return createMachineDriver({ stateDir: options.stateDir, log });
}

/** What machines find beyond Hetzner's network; nothing without machines. */
async function openInternet(
  { machines, stateDir, objectStore }: Options,
  context: LocalContext,
): Promise<Internet | null> {
  if (!machines) return null;
  const { startInternet } = await import("./internet/internet.ts");
  return startInternet({ stateDir, context, log, ...(objectStore === undefined ? {} : { objectStore }) });
}

/** Where a port is asked for it must be that one; a remembered one is given up when somebody else has it. */
async function listenOn(api: ApiApp, asked: number | undefined, remembered: number): Promise<Listener> {
  const listener = await listen(api.app, asked ?? remembered);
  if (asked !== undefined && asked !== 0 && listener.port !== asked) {
    await listener.close();
    throw new UsageError(`port ${asked} is taken; name another one or leave the option out`);
  }
  return listener;
}

function announce(options: Options, identity: Identity): void {
  const { hetzner, cloudflare } = identity;
  const endpoints = {
    pid: process.pid,
    startedAt: new Date().toISOString(),
    machines: options.machines,
    objectStore: options.objectStore !== undefined,
    hetzner: { endpoint: `http://127.0.0.1:${hetzner.port}/v1`, token: hetzner.token },
    cloudflare: { endpoint: `http://127.0.0.1:${cloudflare.port}/client/v4`, token: cloudflare.token },
  };
  writeEndpoints(options.stateDir, endpoints);
  process.stdout.write(`local cloud ready: ${endpoints.hetzner.endpoint} ${endpoints.cloudflare.endpoint}\n`);
}

/** Calls back once `pid` no longer exists. */
function watchParent(pid: number, gone: () => void): NodeJS.Timeout {
  return setInterval(() => {
    try {
      process.kill(pid, 0);
    } catch {
      gone();
    }
  }, 500);
}

async function run(options: Options): Promise<void> {
  // Before anybody can know of this process: a signal right after the ready line must end it cleanly too.
  const { promise: stopped, resolve: stop } = Promise.withResolvers<undefined>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => stop(undefined));
  const watch = options.parentPid === undefined ? undefined : watchParent(options.parentPid, () => stop(undefined));
  const identity = readIdentity(options.stateDir, options.token);
  const context = openContext(options.stateDir);
  // Making machines ready can take minutes; what an interrupted start leaves, the next one clears.
  const driver = await Promise.race([openDriver(options), stopped]);
  if (driver === undefined) return closeContext(context);
  const internet = await openInternet(options, context).catch(async (error: unknown) => {
    await driver.close();
    throw error;
  });
  const steering = internet === null ? {} : { control: internet.control };
  const watching = internet === null ? {} : { onChange: internet.refresh };
  const apis = [
    createHetznerApp({ context, token: identity.hetzner.token, driver, ...steering }),
    createCloudflareApp({ context, token: identity.cloudflare.token, ...watching }),
  ] as const;
  const hetzner = await listenOn(apis[0], options.hetznerPort, identity.hetzner.port);
  const cloudflare = await listenOn(apis[1], options.cloudflarePort, identity.cloudflare.port);
  const bound: Identity = {
    hetzner: { ...identity.hetzner, port: hetzner.port },
    cloudflare: { ...identity.cloudflare, port: cloudflare.port },
  };
  writeIdentity(options.stateDir, bound);
  announce(options, bound);

  await stopped;
  clearInterval(watch);
  removeEndpoints(options.stateDir);
  await Promise.all([hetzner.close(), cloudflare.close()]);
  for (const api of apis) await api.close();
  // Before the object storage goes: a database that stops archives its last changes.
  await driver.stopMachines();
  await internet?.close();
  await driver.close();
  closeContext(context);
}

try {
  await run(readOptions(process.argv.slice(2)));
} catch (error) {
  const expected = error instanceof UsageError || (error instanceof TypeError && "code" in error);
  process.stderr.write(
    `local cloud: ${expected ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
  );
  process.exitCode = expected ? 2 : 1;
}
// Keep-alive connections of clients and driver children must not keep a stopped cloud alive.
process.exit();
