import type { Plan } from "../plan/types.ts";
import { buildBill, usageAt } from "./bill.ts";
import { type BillLine, components, type PricedItem } from "./bill-lines.ts";
import { type Amounts, addAmounts, amountsOf, capHours, Dec, hoursPerMonth, type Money } from "./money.ts";
import type { PriceBook } from "./prices/book.ts";
import { type FoundPrice, findExchangeRate, findPrice, findPriceIfKnown, sourceOf } from "./prices/lookup.ts";
import type { CostLine, CostOutput } from "./schema/cost-output.ts";

/**
 * Prices a plan's bill. Net totals are compared with the capacity plan's USD figures, which name no tax; VAT is worked
 * out per line to 1/100 cent, so that lines add up to their total exactly. An invoice rounds once at the end and can
 * differ by less than a cent.
 */

export type EstimateOptions = {
  /** Day whose prices count. Left out: the day the price book was last brought up to date. */
  readonly at?: string | undefined;
  /** Exchange rate to use instead of the book's, a decimal string. */
  readonly usdPerEur?: string | undefined;
};

type Pricing = {
  readonly book: PriceBook;
  readonly at: string;
  readonly rate: CostOutput["exchangeRate"];
  readonly vatPercent: number;
};

function exchangeRate(book: PriceBook, at: string, given: string | undefined): CostOutput["exchangeRate"] {
  if (given !== undefined) return { usdPerEur: given, date: null, source: "given by hand" };
  const { usdPerEur, date, source } = findExchangeRate(book, at);
  return { usdPerEur, date, source };
}

type Exact = { readonly monthly: Dec; readonly hourly: Dec };

/** Exact net amounts of a quantity at a price. */
function exactly(price: FoundPrice, quantity: Dec): Exact {
  const net = new Dec(price.net);
  switch (price.unit) {
    case "TB-hour":
      return { monthly: net.times(quantity).times(hoursPerMonth), hourly: net.times(quantity) };
    default: {
      const monthly = net.times(quantity);
      const hourly =
        price.hourlyNet === null ? monthly.dividedBy(hoursPerMonth) : new Dec(price.hourlyNet).times(quantity);
      return { monthly, hourly };
    }
  }
}

const question = (item: PricedItem, at: string) => ({
  item: item.item,
  location: item.location,
  orderedAt: item.orderedAt,
  at,
});

type LinePrice = Exact & { readonly price: FoundPrice; readonly currency: "EUR" | "USD" };

/** A line's price: its own, or for a percentage that share of the price it refers to. */
function linePrice(line: BillLine, pricing: Pricing): LinePrice {
  const price = findPrice(pricing.book, question(line, pricing.at));
  if (line.percentOf === null) return { price, currency: price.currency, ...exactly(price, new Dec(line.quantity)) };
  const base = findPrice(pricing.book, question(line.percentOf, pricing.at));
  const share = new Dec(price.net).dividedBy(100).times(line.quantity);
  return { price, currency: base.currency, ...exactly(base, share) };
}

/** What an order on the day would pay for the same; null when it cannot be ordered. */
function newOrder(item: PricedItem, pricing: Pricing): Pick<CostLine["price"], "newOrderNet" | "newOrderHourlyNet"> {
  const price = findPriceIfKnown(pricing.book, question({ ...item, orderedAt: null }, pricing.at));
  return { newOrderNet: price?.net ?? null, newOrderHourlyNet: price?.hourlyNet ?? null };
}

function priceLine(line: BillLine, pricing: Pricing): CostLine {
  const { price, currency, monthly, hourly } = linePrice(line, pricing);
  const source = sourceOf(pricing.book, price.source);
  return {
    id: line.id,
    component: line.component,
    name: line.name,
    description: line.description,
    resourceType: line.resource?.type ?? null,
    resourceName: line.resource?.name ?? null,
    external: line.external,
    machine: line.machine,
    quantity: new Dec(line.quantity).toDecimalPlaces(6).toString(),
    unit: line.unit,
    orderedAt: line.orderedAt,
    price: {
      item: price.item,
      location: line.location,
      currency: price.currency,
      net: price.net,
      hourlyNet: price.hourlyNet,
      capHours: price.hourlyNet === null ? null : capHours,
      validFrom: price.validFrom,
      locked: price.locked,
      ...newOrder(line, pricing),
      source: source.title,
      read: source.read,
    },
    ...amountsOf({ monthly, hourly }, currency, new Dec(pricing.rate.usdPerEur), pricing.vatPercent),
  };
}

export type LinePricing = EstimateOptions & { readonly book: PriceBook; readonly vatPercent: number };

/** Prices lines that do not come from a plan. @throws MissingPriceError when the book lacks a figure for any of them. */
export function priceLines(
  lines: readonly BillLine[],
  { book, at, usdPerEur, vatPercent }: LinePricing,
): readonly CostLine[] {
  const day = at ?? book.date;
  const pricing: Pricing = { book, at: day, rate: exchangeRate(book, day, usdPerEur), vatPercent };
  return lines.map((line) => priceLine(line, pricing));
}

const priceBill = (plan: Plan, pricing: Pricing): readonly CostLine[] =>
  buildBill(plan, pricing.book).lines.map((line) => priceLine(line, pricing));

const byComponent = (lines: readonly CostLine[]): CostOutput["components"] =>
  components
    .filter((component) => lines.some((line) => line.component === component))
    .map((component) => ({ component, ...addAmounts(lines.filter((line) => line.component === component)) }));

const netAt = (plan: Plan, users: number, pricing: Pricing): Money =>
  addAmounts(priceBill({ ...plan, usage: usageAt(plan.usage, users) }, pricing)).monthlyNet;

function perUser(plan: Plan, pricing: Pricing): CostOutput["perUser"] {
  const target = plan.budget.costPerUserUsd;
  const points: readonly (readonly [CostOutput["perUser"][number]["basis"], number | null])[] = [
    ["expected users", plan.usage.expectedUsers],
    ["plan's figure", target.atUsers],
    ["start of the phase", plan.limits.users.from],
    ["end of the phase", plan.limits.users.to],
  ];
  return points.flatMap(([basis, users], index) => {
    const named = points.slice(0, index).some(([, earlier]) => earlier === users);
    if (users === null || users === 0 || named) return [];
    const monthlyNet = netAt(plan, users, pricing);
    const share = (amount: string): string => new Dec(amount).dividedBy(users).toFixed(6);
    const each = { eur: share(monthlyNet.eur), usd: share(monthlyNet.usd) };
    return [
      {
        users,
        basis,
        monthlyNet,
        perUser: each,
        targetUsd: { from: target.from, to: target.to },
        meetsTarget: new Dec(each.usd).lte(target.to),
      },
    ];
  });
}

function budget(plan: Plan, total: Amounts): CostOutput["budget"] {
  const limit = new Dec(String(plan.budget.usd));
  const used = new Dec(total.monthlyNet.usd);
  return {
    usd: limit.toString(),
    planUsd: { from: plan.budget.planUsd.from, to: plan.budget.planUsd.to },
    usedPercent: used.dividedBy(limit).times(100).toFixed(1),
    over: used.gt(limit),
  };
}

function notes(lines: readonly CostLine[], pricing: Pricing): readonly string[] {
  const locked = lines
    .filter((line) => line.price.locked)
    .map((line) => {
      const today =
        line.price.newOrderNet === null
          ? "it can no longer be ordered"
          : `an order today pays ${line.price.newOrderNet}`;
      return `${line.name} keeps ${line.price.item.replace("server:", "")} at ${line.price.net} EUR a month from its order; ${today}, and so does a rescale`;
    });
  const cloudflare = lines.flatMap((line) => {
    const yearly = line.price.item.replace("cloudflare-plan:", "cloudflare-plan-yearly:");
    if (yearly === line.price.item) return [];
    const price = findPriceIfKnown(pricing.book, { item: yearly, location: null, at: pricing.at, orderedAt: null });
    return price === null ? [] : [`the ${line.description} costs ${price.net} USD a month when billed yearly`];
  });
  return [...locked, ...cloudflare];
}

/**
 * The cost of a plan: what the stack output and every command print.
 *
 * @throws MissingPriceError when the book lacks a figure for any line.
 */
export function costOutput(plan: Plan, book: PriceBook, options: EstimateOptions = {}): CostOutput {
  const at = options.at ?? book.date;
  const rate = exchangeRate(book, at, options.usdPerEur);
  const pricing: Pricing = { book, at, rate, vatPercent: plan.billing.vatPercent };
  const { traffic, storage } = buildBill(plan, book);
  const lines = priceBill(plan, pricing);
  const total = addAmounts(lines);
  return {
    version: 1,
    stack: plan.stack,
    phase: plan.phase,
    location: plan.location,
    prices: { at, bookDate: book.date },
    exchangeRate: rate,
    vatPercent: plan.billing.vatPercent,
    total,
    components: byComponent(lines),
    lines: [...lines],
    traffic: {
      expectedUsers: plan.usage.expectedUsers,
      originEgressGB: plan.usage.originEgressGB,
      doors: [...traffic.doors],
      expectedTB: new Dec(traffic.expectedTB).toDecimalPlaces(4).toString(),
      includedTB: traffic.includedTB,
      overageTB: new Dec(traffic.overageTB).toDecimalPlaces(4).toString(),
    },
    storage: {
      keptTB: new Dec(storage.keptTB).toDecimalPlaces(4).toString(),
      includedTB: storage.includedTB,
      overageTB: new Dec(storage.overageTB).toDecimalPlaces(4).toString(),
    },
    budget: budget(plan, total),
    perUser: perUser(plan, pricing),
    notes: [...notes(lines, pricing)],
  };
}
