import { Decimal } from "decimal.js";

/**
 * Decimal arithmetic for money. The precision belongs to this constructor alone: other users of decimal.js in the
 * process keep their own settings.
 */
export const Dec = Decimal.clone({ precision: 40, rounding: Decimal.ROUND_HALF_UP, toExpNeg: -20, toExpPos: 40 });

export type Dec = Decimal;

/** An amount in both currencies, as decimal strings. */
export type Money = { readonly eur: string; readonly usd: string };

/**
 * What something costs. Net is without VAT.
 *
 * `hourly` is the price of one hour while the monthly cap is not reached; things sold by the month only count with
 * 1/730 of their month.
 */
export type Amounts = {
  readonly monthlyNet: Money;
  readonly monthlyGross: Money;
  readonly hourlyNet: Money;
  readonly hourlyGross: Money;
};

/** Decimal places of a monthly amount. Every line is rounded half up to these, so that lines add up to their total. */
const monthlyPlaces = 4;

/** Decimal places of an hourly amount. */
const hourlyPlaces = 6;

/** Hours of an average month: 365 days / 12 months * 24 hours. */
export const hoursPerMonth = 730;

/** Hours after which a server has cost its monthly price: 26 days. Holds for every server price in the book. */
export const capHours = 624;

export const sum = (values: readonly (string | Dec)[]): Dec =>
  values.reduce<Dec>((total, value) => total.plus(value), new Dec(0));

const money = (amount: Dec, currency: "EUR" | "USD", usdPerEur: Dec, places: number): Money => ({
  eur: (currency === "EUR" ? amount : amount.dividedBy(usdPerEur)).toFixed(places),
  usd: (currency === "USD" ? amount : amount.times(usdPerEur)).toFixed(places),
});

const withVat = (net: Money, vatFactor: Dec, places: number): Money => ({
  eur: new Dec(net.eur).times(vatFactor).toFixed(places),
  usd: new Dec(net.usd).times(vatFactor).toFixed(places),
});

/** Rounds one line's exact net amounts and works out its VAT. */
export function amountsOf(
  net: { readonly monthly: Dec; readonly hourly: Dec },
  currency: "EUR" | "USD",
  usdPerEur: Dec,
  vatPercent: number,
): Amounts {
  const vatFactor = new Dec(vatPercent).dividedBy(100).plus(1);
  const monthlyNet = money(net.monthly, currency, usdPerEur, monthlyPlaces);
  const hourlyNet = money(net.hourly, currency, usdPerEur, hourlyPlaces);
  return {
    monthlyNet,
    monthlyGross: withVat(monthlyNet, vatFactor, monthlyPlaces),
    hourlyNet,
    hourlyGross: withVat(hourlyNet, vatFactor, hourlyPlaces),
  };
}

const addMoney = (values: readonly Money[], places: number): Money => ({
  eur: sum(values.map((value) => value.eur)).toFixed(places),
  usd: sum(values.map((value) => value.usd)).toFixed(places),
});

/** Adds up amounts exactly; nothing is rounded again. */
export const addAmounts = (values: readonly Amounts[]): Amounts => ({
  monthlyNet: addMoney(
    values.map((value) => value.monthlyNet),
    monthlyPlaces,
  ),
  monthlyGross: addMoney(
    values.map((value) => value.monthlyGross),
    monthlyPlaces,
  ),
  hourlyNet: addMoney(
    values.map((value) => value.hourlyNet),
    hourlyPlaces,
  ),
  hourlyGross: addMoney(
    values.map((value) => value.hourlyGross),
    hourlyPlaces,
  ),
});

const subtractMoney = (left: Money, right: Money, places: number): Money => ({
  eur: new Dec(left.eur).minus(right.eur).toFixed(places),
  usd: new Dec(left.usd).minus(right.usd).toFixed(places),
});

/** `left - right`, exactly. */
export const subtractAmounts = (left: Amounts, right: Amounts): Amounts => ({
  monthlyNet: subtractMoney(left.monthlyNet, right.monthlyNet, monthlyPlaces),
  monthlyGross: subtractMoney(left.monthlyGross, right.monthlyGross, monthlyPlaces),
  hourlyNet: subtractMoney(left.hourlyNet, right.hourlyNet, hourlyPlaces),
  hourlyGross: subtractMoney(left.hourlyGross, right.hourlyGross, hourlyPlaces),
});

export const zeroAmounts: Amounts = addAmounts([]);

/** Adds up monthly or one-time money exactly. */
export const sumMoney = (values: readonly Money[]): Money => addMoney(values, monthlyPlaces);

export const zeroMoney: Money = sumMoney([]);
