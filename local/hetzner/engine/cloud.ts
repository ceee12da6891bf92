/** The project: its resources, its engine, and the one way to change them. */
import type { Clock } from "../../shared/clock.ts";
import type { Collection } from "../../shared/collection.ts";
import type { LocalContext } from "../../shared/context.ts";
import type { Store } from "../../shared/store.ts";
import type { MachineDriver } from "../driver.ts";
import type {
  CertificateRecord,
  FirewallRecord,
  FloatingIpRecord,
  ImageRecord,
  LoadBalancerRecord,
  NetworkRecord,
  PlacementGroupRecord,
  PrimaryIpRecord,
  ServerRecord,
  SshKeyRecord,
  VolumeRecord,
} from "../records.ts";
import { ActionEngine } from "./actions.ts";
import type { AnyJob } from "./jobs.ts";
import { Billing } from "./billing.ts";
import { Catalogue } from "./catalogue.ts";
import { SelectorSweep } from "./firewalling.ts";
import { NetworkSync } from "./networkSync.ts";
import { createSettings, type Settings } from "./settings.ts";

const byName = { name: (record: { readonly name: string }) => record.name };

/** A private address that its former holder has given up but the network has not yet freed. */
export type ReservedIp = { readonly id: string; readonly network: number; readonly ip: string; readonly until: number };

export class Cloud {
  readonly local: LocalContext;
  readonly driver: MachineDriver;
  readonly store: Store;
  readonly clock: Clock;
  readonly settings: Settings;
  readonly catalogue: Catalogue;
  readonly billing: Billing;
  readonly actions: ActionEngine;
  readonly network: NetworkSync;
  readonly selectors: SelectorSweep;

  readonly servers: Collection<ServerRecord>;
  readonly sshKeys: Collection<SshKeyRecord>;
  readonly networks: Collection<NetworkRecord>;
  readonly firewalls: Collection<FirewallRecord>;
  readonly placementGroups: Collection<PlacementGroupRecord>;
  readonly primaryIps: Collection<PrimaryIpRecord>;
  readonly floatingIps: Collection<FloatingIpRecord>;
  readonly volumes: Collection<VolumeRecord>;
  readonly images: Collection<ImageRecord>;
  readonly loadBalancers: Collection<LoadBalancerRecord>;
  readonly certificates: Collection<CertificateRecord>;
  readonly reservedIps: Collection<ReservedIp>;

  constructor(local: LocalContext, driver: MachineDriver, jobs: readonly AnyJob[]) {
    this.local = local;
    this.driver = driver;
    this.store = local.store;
    this.clock = local.clock;
    this.settings = createSettings(local.store);
    this.catalogue = new Catalogue(this.settings, local.faults);
    this.billing = new Billing(local.store, local.clock);
    this.servers = this.store.collection<ServerRecord>("hetzner.servers", {
      ...byName,
      placementGroup: (s) => s.placementGroup,
    });
    this.sshKeys = this.store.collection<SshKeyRecord>("hetzner.ssh_keys", {
      ...byName,
      fingerprint: (key) => key.fingerprint,
    });
    this.networks = this.store.collection<NetworkRecord>("hetzner.networks", byName);
    this.firewalls = this.store.collection<FirewallRecord>("hetzner.firewalls", byName);
    this.placementGroups = this.store.collection<PlacementGroupRecord>("hetzner.placement_groups", byName);
    this.primaryIps = this.store.collection<PrimaryIpRecord>("hetzner.primary_ips", {
      ...byName,
      ip: (address) => address.ip,
    });
    this.floatingIps = this.store.collection<FloatingIpRecord>("hetzner.floating_ips", {
      ...byName,
      ip: (address) => address.ip,
      server: (address) => address.server,
    });
    this.volumes = this.store.collection<VolumeRecord>("hetzner.volumes", {
      ...byName,
      server: (volume) => volume.server,
    });
    this.images = this.store.collection<ImageRecord>("hetzner.images", { boundTo: (image) => image.boundTo });
    this.loadBalancers = this.store.collection<LoadBalancerRecord>("hetzner.load_balancers", {
      ...byName,
      ip: (lb) => lb.ipv4,
    });
    this.certificates = this.store.collection<CertificateRecord>("hetzner.certificates", byName);
    this.reservedIps = this.store.collection<ReservedIp>("hetzner.reserved_ips");
    this.network = new NetworkSync(this);
    this.selectors = new SelectorSweep(this);
    this.actions = new ActionEngine(this, jobs);
  }

  /** A machine stopped or started by itself; while an action holds the server, the action decides. */
  powerChanged(id: number, power: "running" | "off"): void {
    const server = this.servers.get(id);
    if (server === undefined || this.actions.isLocked({ id, type: "server" })) return;
    if (server.status !== power) this.servers.put({ ...server, status: power });
  }

  /** One atomic change; the actions it begins start once it is committed. */
  change<R>(work: () => R): R {
    let result: R;
    try {
      result = this.store.transaction(work);
    } catch (error) {
      this.actions.discardBegun();
      throw error;
    }
    this.actions.launchBegun();
    return result;
  }
}
