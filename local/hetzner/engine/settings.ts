/** What `/_local` can steer about the Hetzner side; durable. */
import { z } from "zod";
import type { Store } from "../../shared/store.ts";

export const delaysInput = z.strictObject({
  /** Milliseconds an action runs at least. */
  default: z.int().min(0).optional(),
  /** Overrides by command: `{"create_server": 2000}`. */
  commands: z.record(z.string(), z.int().min(0)).optional(),
  /** Label selectors of firewalls take effect this much later. */
  selectors: z.int().min(0).optional(),
  /** A load balancer target stays `unknown` this long. */
  health: z.int().min(0).optional(),
  /** A private address stays taken this long after its server has gone. */
  privateIpRelease: z.int().min(0).optional(),
});

type DelaysChange = z.output<typeof delaysInput>;
export type Delays = { readonly [K in keyof DelaysChange]-?: NonNullable<DelaysChange[K]> };

/**
 * How many resources a project may have. The provider's limits are per account and unpublished; only the 20 load
 * balancers are documented (docs.hetzner.com, load balancer overview). The others are wide enough not to be met by
 * accident.
 */
export const defaultLimits = {
  servers: 1000,
  primary_ips: 2000,
  floating_ips: 500,
  volumes: 1000,
  networks: 100,
  firewalls: 100,
  load_balancers: 20,
  placement_groups: 100,
  ssh_keys: 200,
  certificates: 100,
  snapshots: 200,
} as const;

export type LimitName = keyof typeof defaultLimits;
export type Limits = Readonly<Record<LimitName, number>>;

const limitNames = Object.keys(defaultLimits) as [LimitName, ...LimitName[]];
export const limitsInput = z.partialRecord(z.enum(limitNames), z.int().min(0));

/** Lets a retired type be ordered, or an offer have another price, as it was before the catalogue's date. */
export const offerInput = z.strictObject({
  month: z.string().regex(/^\d+\.\d+$/),
  hour: z.string().regex(/^\d+\.\d+$/),
});
export type OfferOverride = z.output<typeof offerInput>;

type SettingsRecord = {
  readonly id: "settings";
  readonly delays: Delays;
  readonly limits: Limits;
  /** By `<type>/<location>`. */
  readonly offers: Readonly<Record<string, OfferOverride>>;
};

const initial: SettingsRecord = {
  id: "settings",
  delays: { default: 30, commands: {}, selectors: 50, health: 50, privateIpRelease: 0 },
  limits: defaultLimits,
  offers: {},
};

export interface Settings {
  delays(): Delays;
  delayOf(command: string): number;
  setDelays(change: DelaysChange): Delays;
  limits(): Limits;
  setLimits(change: Partial<Limits>): Limits;
  offer(serverType: string, location: string): OfferOverride | undefined;
  /** Undefined removes the override. */
  setOffer(serverType: string, location: string, offer: OfferOverride | undefined): void;
}

const defined = <T extends object>(change: T): Partial<T> =>
  Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as Partial<T>;

export function createSettings(store: Store): Settings {
  const records = store.collection<SettingsRecord>("hetzner.settings");
  const current = (): SettingsRecord => records.get("settings") ?? initial;
  return {
    delays: () => current().delays,
    delayOf: (command) => current().delays.commands[command] ?? current().delays.default,
    setDelays: (change) =>
      records.put({ ...current(), delays: { ...current().delays, ...(defined(change) as Partial<Delays>) } }).delays,
    limits: () => current().limits,
    setLimits: (change) => records.put({ ...current(), limits: { ...current().limits, ...defined(change) } }).limits,
    offer: (serverType, location) => current().offers[`${serverType}/${location}`],
    setOffer: (serverType, location, offer) => {
      const { [`${serverType}/${location}`]: _replaced, ...others } = current().offers;
      const offers = offer === undefined ? others : { ...others, [`${serverType}/${location}`]: offer };
      records.put({ ...current(), offers });
    },
  };
}
