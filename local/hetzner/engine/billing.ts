/**
 * What the project would be billed. Every billable resource has a line with the price frozen when it was ordered; a
 * rescale ends the line and opens one at the price of that day (the rule of 2026-06-15: existing servers keep their
 * rate until rescaled). Hours count as started hours; a calendar month (UTC) costs at most the monthly price; powered-off
 * servers cost the same (docs.hetzner.com, billing FAQ).
 */
import { Decimal } from "decimal.js";
import type { Clock } from "../../shared/clock.ts";
import type { Collection } from "../../shared/collection.ts";
import type { Store } from "../../shared/store.ts";

export type BillingLine = {
  readonly id: number;
  readonly resource: string;
  readonly resourceId: number;
  readonly name: string;
  readonly product: string;
  readonly location: string;
  readonly quantity: number;
  /** Net EUR of one unit for a whole month. */
  readonly month: string;
  /** Net EUR of one unit and hour; null where only a monthly price exists and hours are its 1/624. */
  readonly hour: string | null;
  readonly from: number;
  readonly to: number | null;
};

export type BillingOpening = Omit<BillingLine, "id" | "from" | "to">;
export type BillingCharge = {
  readonly month: string;
  readonly hours: number;
  readonly net: string;
};

const hourMilliseconds = 3_600_000;
/** 26 days of 24 hours: hourly prices are monthly ones divided by this, rounded to 4 places (checked on 20 types). */
export const hoursToCap = 624;

/** Charges per calendar month for one unit price between two moments (milliseconds). */
export function chargesOf(line: BillingLine, until: number): readonly BillingCharge[] {
  const charges: BillingCharge[] = [];
  const hour = line.hour === null ? new Decimal(line.month).div(hoursToCap) : new Decimal(line.hour);
  let start = line.from;
  while (start < until) {
    const date = new Date(start);
    const monthEnd = Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1);
    const end = Math.min(until, monthEnd);
    const hours = Math.ceil((end - start) / hourMilliseconds);
    const unit = Decimal.min(hour.times(hours), line.month);
    charges.push({
      month: date.toISOString().slice(0, 7),
      hours,
      net: unit.times(line.quantity).toFixed(4),
    });
    start = end;
  }
  return charges;
}

export class Billing {
  readonly #lines: Collection<BillingLine>;
  readonly #store: Store;
  readonly #clock: Clock;

  constructor(store: Store, clock: Clock) {
    this.#store = store;
    this.#clock = clock;
    this.#lines = store.collection<BillingLine>("hetzner.billing", {
      open: (line) => (line.to === null ? `${line.resource}:${line.resourceId}` : null),
    });
  }

  open(opening: BillingOpening): void {
    this.#lines.put({ id: this.#store.nextId("billing"), ...opening, from: this.#clock.now(), to: null });
  }

  close(resource: string, resourceId: number): void {
    for (const line of this.#lines.where("open", `${resource}:${resourceId}`)) {
      this.#lines.put({ ...line, to: this.#clock.now() });
    }
  }

  reopen(opening: BillingOpening): void {
    this.close(opening.resource, opening.resourceId);
    this.open(opening);
  }

  report(): object {
    const now = this.#clock.now();
    let total = new Decimal(0);
    let monthly = new Decimal(0);
    const lines = this.#lines.all().map((line) => {
      const charges = chargesOf(line, line.to ?? now);
      for (const charge of charges) total = total.plus(charge.net);
      if (line.to === null) monthly = monthly.plus(new Decimal(line.month).times(line.quantity));
      return {
        resource: line.resource,
        id: line.resourceId,
        name: line.name,
        product: line.product,
        location: line.location,
        quantity: line.quantity,
        price_monthly: line.month,
        price_hourly: line.hour,
        from: new Date(line.from).toISOString(),
        to: line.to === null ? null : new Date(line.to).toISOString(),
        charges,
      };
    });
    return { currency: "EUR", net_total: total.toFixed(4), net_monthly_of_existing: monthly.toFixed(4), lines };
  }
}
