import type { CostOutput } from "../schema/cost-output.ts";
import { cents, tenThousandths, thousands } from "./rows.ts";

/** The sentences under a cost table, the same in every format. */

export const pricesSentence = (cost: CostOutput): string => {
  const rate = cost.exchangeRate.date === null ? cost.exchangeRate.source : `ECB, ${cost.exchangeRate.date}`;
  return `Prices of ${cost.prices.at}, 1 EUR = ${cost.exchangeRate.usdPerEur} USD (${rate}), net of VAT`;
};

export const totalSentence = (cost: CostOutput): string => {
  const { monthlyNet, hourlyNet, monthlyGross } = cost.total;
  const gross = cost.vatPercent === 0 ? "" : `, ${cents(monthlyGross.eur)} EUR with ${cost.vatPercent} % VAT`;
  return `${cents(monthlyNet.eur)} EUR = ${cents(monthlyNet.usd)} USD a month (${tenThousandths(hourlyNet.eur)} EUR an hour)${gross}`;
};

const planFigure = ({ from, to }: CostOutput["budget"]["planUsd"]): string =>
  to === null || to === from ? thousands(from) : `${thousands(from)} to ${thousands(to)}`;

export const budgetSentence = (cost: CostOutput): string => {
  const { usd, planUsd, usedPercent, over } = cost.budget;
  return `${usedPercent} % of the budget of ${thousands(Number(usd))} USD${over ? ", OVER BUDGET" : ""}; the capacity plan says ${planFigure(planUsd)} USD`;
};

export const trafficSentence = (cost: CostOutput): string => {
  const { expectedUsers, expectedTB, includedTB, overageTB, doors } = cost.traffic;
  return `${thousands(expectedUsers)} users send ${Number(expectedTB).toFixed(2)} TB a month through ${doors.join(", ")}; ${includedTB} TB included, ${Number(overageTB).toFixed(2)} TB over`;
};

export const storageSentence = (cost: CostOutput): string => {
  const { keptTB, includedTB, overageTB } = cost.storage;
  return `backups and images take ${Number(keptTB).toFixed(2)} TB of Object Storage; ${includedTB} TB included, ${Number(overageTB).toFixed(2)} TB over`;
};

export const perUserSentences = (cost: CostOutput): readonly string[] =>
  cost.perUser.map(({ users, basis, perUser, targetUsd, meetsTarget }) => {
    const target = targetUsd.from === targetUsd.to ? `${targetUsd.to}` : `${targetUsd.from} to ${targetUsd.to}`;
    const place = meetsTarget ? (Number(perUser.usd) < Number(targetUsd.from) ? "below" : "within") : "above";
    return `${tenThousandths(perUser.usd)} USD at ${thousands(users)} users (${basis}): ${place} the plan's ${target} USD`;
  });
