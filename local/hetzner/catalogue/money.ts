/**
 * Prices as the API writes them: net with 10 decimals, gross with 16 (`5.4900000000`, `5.4900000000000000`; dump of
 * 2026-09-29). The catalogue holds the plain net figure.
 */
import { Decimal } from "decimal.js";

export type Price = { readonly net: string; readonly gross: string };

/** VAT of the emulated account; the dump the catalogue was typed from had none. */
export const vatRate = "0.000000";

export function price(net: string): Price {
  const value = new Decimal(net);
  return { net: value.toFixed(10), gross: value.times(new Decimal(vatRate).plus(1)).toFixed(16) };
}

/** Bytes of `terabytes` as the API counts included traffic: 2^40 each. */
export function trafficBytes(terabytes: number): number {
  return terabytes * 2 ** 40;
}
