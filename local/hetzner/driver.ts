/**
 * What the Hetzner API emulator asks of the thing that runs its servers.
 *
 * The emulator owns the API's truth (ids, names, states, actions); a driver makes that truth happen. Without machines the
 * emulator runs with {@link noMachines}, which accepts everything and runs nothing.
 *
 * Life-cycle verbs are separate calls because their order matters to the machine (power off before a resize). Everything
 * about the network is one idempotent call with the whole topology, because addresses, routes and firewalls depend on
 * one another and a partial update would have to be undone after a crash.
 *
 * Every verb is idempotent: the emulator repeats the last one after it was killed half-way.
 */

/** Server types differ for a machine only in these numbers. `memoryGiB` may be fractional. */
export type MachineSize = { readonly cores: number; readonly memoryGiB: number; readonly diskGiB: number };

/** One server, as the API accepted it. The driver must boot it from exactly this user-data. */
export type MachineSpec = {
  readonly id: number;
  readonly name: string;
  readonly location: string;
  /** API image name (`debian-13`) or, for a snapshot, its numeric id as a string. */
  readonly image: string;
  readonly userData: string;
  /** OpenSSH public keys, in the order of the request. */
  readonly sshKeys: readonly string[];
  /** Set only when the request named no SSH key: the API then returns this password once. */
  readonly rootPassword: string | null;
  readonly size: MachineSize;
};

export type PrivateAttachment = {
  readonly networkId: number;
  readonly ip: string;
  readonly aliasIps: readonly string[];
  readonly macAddress: string;
};

export type FirewallRule = {
  readonly direction: "in" | "out";
  readonly protocol: "tcp" | "udp" | "icmp" | "esp" | "gre";
  /** `80`, `80-85` or `any`; null for protocols without ports. */
  readonly port: string | null;
  readonly sourceIps: readonly string[];
  readonly destinationIps: readonly string[];
};

export type ServerTopology = {
  readonly id: number;
  readonly name: string;
  /** Null when the server has no public IPv4. */
  readonly publicIpv4: string | null;
  readonly publicIpv6: string | null;
  readonly publicMacAddress: string;
  readonly floatingIps: readonly string[];
  readonly privateNets: readonly PrivateAttachment[];
  /**
   * Rules of every firewall applied to the server; null when none is applied (all traffic passes). Hetzner's firewalls
   * filter the public interface only, never private networks.
   */
  readonly firewall: readonly FirewallRule[] | null;
};

export type NetworkTopology = {
  readonly id: number;
  readonly ipRange: string;
  /** First address of `ipRange`: the router every server sends private packets to. */
  readonly gateway: string;
  readonly subnets: readonly string[];
  readonly routes: readonly { readonly destination: string; readonly gateway: string }[];
};

export type LoadBalancerTopology = {
  readonly id: number;
  readonly publicIpv4: string | null;
  readonly privateIps: readonly { readonly networkId: number; readonly ip: string }[];
  readonly services: readonly {
    readonly protocol: "tcp" | "http" | "https";
    readonly listenPort: number;
    readonly destinationPort: number;
    readonly proxyprotocol: boolean;
  }[];
  readonly targets: readonly { readonly ip: string }[];
};

export type Topology = {
  readonly servers: readonly ServerTopology[];
  readonly networks: readonly NetworkTopology[];
  readonly loadBalancers: readonly LoadBalancerTopology[];
};

export type VolumeSpec = {
  readonly id: number;
  readonly name: string;
  readonly sizeGiB: number;
  /** File system to make on a new volume; null leaves it raw. */
  readonly format: "ext4" | "xfs" | null;
};

export interface MachineDriver {
  /** Prepares disk and configuration of a new server; it stays off until {@link start}. */
  provision(spec: MachineSpec): Promise<void>;
  start(id: number): Promise<void>;
  /** `graceful` presses the power button and gives up after the API's limit; `hard` pulls the plug. Resolves when off. */
  stop(id: number, how: "graceful" | "hard"): Promise<void>;
  reset(id: number): Promise<void>;
  /** Same id, same addresses, fresh disk. The machine must be off and stays off. */
  rebuild(spec: MachineSpec): Promise<void>;
  /** New CPU, memory and disk size. The machine must be off. */
  resize(id: number, size: MachineSize): Promise<void>;
  destroy(id: number): Promise<void>;
  /** Copies the disk of a server into an image that `MachineSpec.image` can name by `imageId`. */
  snapshot(id: number, imageId: number): Promise<void>;
  deleteSnapshot(imageId: number): Promise<void>;

  createVolume(spec: VolumeSpec): Promise<void>;
  attachVolume(volumeId: number, serverId: number, automount: boolean): Promise<void>;
  detachVolume(volumeId: number): Promise<void>;
  resizeVolume(volumeId: number, sizeGiB: number): Promise<void>;
  deleteVolume(volumeId: number): Promise<void>;

  /** Makes the packet-level network equal `topology`. Called after every change that touches it. */
  syncNetwork(topology: Topology): Promise<void>;

  /**
   * Calls back when a machine stops or starts without the API having asked (`shutdown -h now` inside it, a crash), so
   * that the API shows the truth.
   */
  onPowerChange(listener: (id: number, power: "running" | "off") => void): void;
}

const nothing = (): Promise<void> => Promise.resolve();

/** The driver of an API-only local cloud: every verb succeeds at once and no machine exists. */
export const noMachines: MachineDriver = {
  provision: nothing,
  start: nothing,
  stop: nothing,
  reset: nothing,
  rebuild: nothing,
  resize: nothing,
  destroy: nothing,
  snapshot: nothing,
  deleteSnapshot: nothing,
  createVolume: nothing,
  attachVolume: nothing,
  detachVolume: nothing,
  resizeVolume: nothing,
  deleteVolume: nothing,
  syncNetwork: nothing,
  onPowerChange: () => undefined,
};
