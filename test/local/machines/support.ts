import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type {
  FirewallRule,
  LoadBalancerTopology,
  MachineSpec,
  NetworkTopology,
  ServerTopology,
  Topology,
} from "../../../local/hetzner/driver.ts";
import { bootState, execIn, findMachine, openEnvironment, type Place, runAt } from "../../../local/machines/access.ts";
import { machinesAvailable } from "../../../local/machines/capability.ts";
import { createMachineDriver, type LocalMachineDriver } from "../../../local/machines/driver.ts";
import type { RootKind } from "../../../local/machines/image.ts";
import type { EnvironmentState, MachineState } from "../../../local/machines/state.ts";

const capability = machinesAvailable();

/** Option of `test`: the reason why machines cannot run here, or false. */
export const skip = capability.ok ? false : `needs ${capability.missing.join(", ")}`;

export const network = 7;

export type Host = {
  readonly id: number;
  readonly publicIpv4?: string;
  readonly publicIpv6?: string;
  readonly privateIp?: string;
  /** Its private network; left out: {@link network}. */
  readonly network?: number;
  readonly aliasIps?: readonly string[];
  readonly floatingIps?: readonly string[];
  readonly firewall?: readonly FirewallRule[];
};

const mac = (kind: number, id: number): string => `96:00:00:00:0${kind}:${id.toString(16).padStart(2, "0")}`;

const serverOf = (host: Host): ServerTopology => ({
  id: host.id,
  name: `server-${host.id}`,
  publicIpv4: host.publicIpv4 ?? null,
  publicIpv6: host.publicIpv6 ?? null,
  publicMacAddress: mac(1, host.id),
  floatingIps: host.floatingIps ?? [],
  privateNets:
    host.privateIp === undefined
      ? []
      : [
          {
            networkId: host.network ?? network,
            ip: host.privateIp,
            aliasIps: host.aliasIps ?? [],
            macAddress: mac(2, host.id),
          },
        ],
  firewall: host.firewall ?? null,
});

export type Extras = {
  readonly routes?: NetworkTopology["routes"];
  readonly loadBalancers?: readonly LoadBalancerTopology[];
};

/** The given hosts on their private networks, each of which is 10.0.0.0/16. */
export const topologyOf = (hosts: readonly Host[], { routes = [], loadBalancers = [] }: Extras = {}): Topology => ({
  servers: hosts.map(serverOf),
  networks: [...new Set([network, ...hosts.flatMap((host) => host.network ?? [])])].map((id) => ({
    id,
    ipRange: "10.0.0.0/16",
    gateway: "10.0.0.1",
    subnets: ["10.0.1.0/24"],
    routes,
  })),
  loadBalancers,
});

export const cloudConfig = (lines: Readonly<Record<string, unknown>>): string =>
  `#cloud-config\n${JSON.stringify(lines)}\n`;

export type Cloud = {
  readonly driver: LocalMachineDriver;
  readonly stateDir: string;
  readonly identity: string;
  readonly log: readonly string[];
  spec(id: number, userData?: string): MachineSpec;
  environment(): EnvironmentState;
  machine(id: number): MachineState;
  /** Runs a shell line in a machine; a failure of it rejects. */
  sh(id: number, line: string): Promise<string>;
  /** Exit code and output of a command with the network of a place. */
  at(place: Place, ...command: string[]): Promise<{ readonly code: number | null; readonly stdout: string }>;
  /** Waits until the machines have booted, each for at most a minute, or `timeoutMs`. */
  ready(ids: number | readonly number[], timeoutMs?: number): Promise<void>;
  close(): Promise<void>;
};

/** Awaits a condition; rejects with its name. Not for time: for what happens in other processes. */
export const until = async (
  name: string,
  condition: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> => {
  for (const deadline = Date.now() + timeoutMs; !(await condition()); await sleep(25)) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs / 1000} s in vain: ${name}`);
  }
};

/** A local cloud of machines in a folder of its own. */
export const startCloud = async (debian: RootKind = "baked", folder?: string): Promise<Cloud> => {
  const stateDir = folder ?? (await mkdtemp(join(tmpdir(), "machines-")));
  const identity = join(stateDir, "id_ed25519");
  if (folder === undefined) execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", identity]);
  const publicKey = (await readFile(`${identity}.pub`, "utf8")).trim();
  const log: string[] = [];
  const driver = await createMachineDriver({ stateDir, debian, log: (line) => log.push(line) });
  const environment = (): EnvironmentState => openEnvironment(stateDir);
  const machine = (id: number): MachineState => findMachine(environment(), id);
  return {
    driver,
    stateDir,
    identity,
    log,
    environment,
    machine,
    spec: (id, userData = "#cloud-config\n{}\n") => ({
      id,
      name: `server-${id}`,
      location: "fsn1",
      image: "debian-13",
      userData,
      sshKeys: [publicKey],
      rootPassword: null,
      size: { cores: 2, memoryGiB: 2, diskGiB: 40 },
    }),
    sh: async (id, line) => {
      const { code, stdout, stderr } = await execIn(machine(id), ["sh", "-c", line]);
      if (code !== 0) throw new Error(`server ${id}: ${line}: ${code}: ${stderr}${stdout}`);
      return stdout.trim();
    },
    at: (place, ...command) => runAt(environment(), place, command, { timeoutMs: 20_000 }),
    ready: async (ids, timeoutMs) => {
      for (const id of [ids].flat()) {
        await until(
          `server ${id} boots`,
          () => {
            const state = bootState(machine(id));
            if (state.phase === "failed") throw new Error(`server ${id}: ${state.errors.join("; ")}`);
            return state.phase === "ready";
          },
          timeoutMs,
        );
      }
    },
    close: async () => {
      await driver.close();
      await rm(stateDir, { recursive: true, force: true });
    },
  };
};

/** Boots one machine per host, with the same user-data, and waits until all are ready. */
export const bootAll = async (
  cloud: Cloud,
  hosts: readonly Host[],
  extras?: Extras,
  userData?: string,
  timeoutMs?: number,
): Promise<void> => {
  await Promise.all(hosts.map(({ id }) => cloud.driver.provision(cloud.spec(id, userData))));
  await cloud.driver.syncNetwork(topologyOf(hosts, extras));
  await Promise.all(hosts.map(({ id }) => cloud.driver.start(id)));
  await cloud.ready(
    hosts.map(({ id }) => id),
    timeoutMs,
  );
};

/**
 * Whether an address answers an ICMP echo: `-w15` asks until it does where that is expected, `-W1` is enough for silence. The
 * program is the machine's: the host need not have one.
 */
export const pingFromInternet = async (
  cloud: Cloud,
  { root }: MachineState,
  address: string,
  patience: "-w15" | "-W1",
): Promise<boolean> => {
  const { code, stdout } = await cloud.at("internet", "chroot", root, "ping", "-c1", patience, address);
  assert.match(stdout, /\d+ packets transmitted/);
  return code === 0;
};

/** A cloud that the test closes, whatever happens to it. */
export const cloudFor = async (context: TestContext, debian?: RootKind): Promise<Cloud> => {
  const cloud = await startCloud(debian);
  context.after(() => cloud.close());
  return cloud;
};
