import { unitPrice } from "../format/rows.ts";
import type { CostLine, CostOutput } from "../schema/cost-output.ts";
import { CommandError } from "./io.ts";

const quantityText = (line: CostLine): string =>
  line.unit === "percent" ? "of the server's price" : `${line.quantity} ${line.unit}`;

function priceSteps(line: CostLine): readonly string[] {
  const { price } = line;
  const since = price.validFrom === null ? "for as long as the price book goes back" : `since ${price.validFrom}`;
  const cap =
    price.hourlyNet === null || price.capHours === null
      ? []
      : [
          `${price.hourlyNet} ${price.currency} an hour, at most ${price.net} a month (reached after ${price.capHours} hours)`,
        ];
  const locked = !price.locked
    ? []
    : [
        `ordered on ${line.orderedAt}, before the price changed for new orders: it keeps this price until it is rescaled or replaced; today's price is ${price.newOrderNet ?? "none, it can no longer be ordered"}`,
      ];
  return [`${unitPrice(line)} ${since}`, ...cap, ...locked, `source: ${price.source}, read ${price.read}`];
}

const matches = (line: CostLine, wanted: string): boolean =>
  line.id === wanted || line.name === wanted || line.component === wanted;

/** Where the figures of a line come from. `wanted` is a line's id, name or component. */
export function explainLine(cost: CostOutput, wanted: string): string {
  const lines = cost.lines.filter((line) => matches(line, wanted));
  if (lines.length === 0) {
    const known = cost.lines.map((line) => line.id).join(", ");
    throw new CommandError(`--explain: ${wanted} given, ${cost.stack} has no such line; choose one of ${known}`);
  }
  const rate = cost.exchangeRate;
  return lines
    .flatMap((line) => [
      `${line.id} (${cost.stack}): ${line.monthlyNet.eur} EUR = ${line.monthlyNet.usd} USD a month, net`,
      `  ${line.description}, ${quantityText(line)}`,
      ...priceSteps(line).map((step) => `  ${step}`),
      `  1 EUR = ${rate.usdPerEur} USD: ${rate.source}${rate.date === null ? "" : `, ${rate.date}`}`,
    ])
    .join("\n");
}
