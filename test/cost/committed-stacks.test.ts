import assert from "node:assert/strict";
import { test } from "node:test";
import { costOutput } from "../../cost/estimate.ts";
import { book, committedPlan } from "./support.ts";

/**
 * What each committed stack costs, worked out by hand from the price lists: nothing here reads the price book or uses the
 * decimal arithmetic under test. Amounts are integers in 1/10,000 EUR.
 */

const eur = (text: string): bigint => {
  const [whole = "0", fraction = ""] = text.split(".");
  return BigInt(whole + fraction.padEnd(4, "0"));
};

/** USD to EUR at 1.1133 (ECB, 2026-10-28), half up. */
const fromUsd = (usd: bigint): bigint => (usd * 10_000n * 10_000n * 2n + 11_133n) / (2n * 11_133n);

const ip = eur("0.50");
/** A GB of volume costs 0.0572 a month. */
const volume = (gb: bigint): bigint => gb * 572n;
const objectStorage = eur("6.49");

type Expected = Readonly<Record<string, bigint>>;

const stacks: Readonly<Record<string, { readonly lines: Expected; readonly total: string }>> = {
  phase1: {
    lines: {
      "primary-ip:server-1-ipv4": ip,
      "server:server-1": eur("31.99"), // cpx21 in ash
      "volume:server-1-data": volume(80n), // 4.576
      "cloudflare-plan:chitlaq.com": 0n, // Free
      "server-backups:server-1": (eur("31.99") * 20n) / 100n, // 6.398
      "object-storage:base": objectStorage,
    },
    // 0.50 + 31.99 + 4.576 + 0 + 6.398 + 6.49
    total: "49.9540",
  },
  phase2: {
    lines: {
      "primary-ip:lb-1-ipv4": ip,
      "server:lb-1": eur("31.99"), // cpx21: 2 vCPU and 4 GB asked for
      "server:api-1": eur("87.49"), // ccx23: 4 vCPU, 16 GB
      "server:api-2": eur("87.49"),
      "server:db-1": eur("140.99"), // ccx33: 8 vCPU, 32 GB
      "server:db-2": eur("140.99"),
      "volume:db-1-data": volume(100n), // 5.72
      "volume:db-2-data": volume(100n),
      "server:redis-1": eur("43.49"), // ccx13: 2 vCPU, 8 GB
      "cloudflare-plan:chitlaq.com": fromUsd(25n), // Pro, 25 / 1.1133 = 22.4558
      "object-storage:base": objectStorage,
    },
    // 0.50 + 31.99 + 2 * 87.49 + 2 * 140.99 + 2 * 5.72 + 43.49 + 22.4558 + 6.49
    total: "573.3258",
  },
  phase3: {
    lines: {
      "primary-ip:lb-1-ipv4": ip,
      "primary-ip:lb-2-ipv4": ip,
      "server:lb-1": eur("62.49"), // cpx31: 4 vCPU, 8 GB
      "server:lb-2": eur("62.49"),
      "server:db-1": eur("140.99"),
      "server:db-2": eur("140.99"),
      "server:db-3": eur("140.99"),
      "volume:db-1-data": volume(250n), // 14.30
      "volume:db-2-data": volume(250n),
      "volume:db-3-data": volume(250n),
      "server:redis-1": eur("87.49"), // ccx23: 4 vCPU, 16 GB
      "server:redis-2": eur("87.49"),
      "server:redis-3": eur("87.49"),
      "server:k3s-server-1": eur("140.99"),
      "server:k3s-server-2": eur("140.99"),
      "server:k3s-server-3": eur("140.99"),
      "server:k3s-agent-1": eur("140.99"),
      "server:k3s-agent-2": eur("140.99"),
      "cloudflare-plan:chitlaq.com": fromUsd(25n),
      "object-storage:base": objectStorage,
      // 500,000 users * 30 MB = 15 * 10^12 bytes = 13.64242 TB of 2^40; two cpx31 include 3 TB each, 1.00 a TB beyond
      "traffic:overage": (15n * 10n ** 12n * 10_000n + (1n << 39n)) / (1n << 40n) - 6n * 10_000n,
    },
    // 2 * 0.50 + 2 * 62.49 + 8 * 140.99 + 3 * 14.30 + 3 * 87.49 + 22.4558 + 6.49 + 7.6424
    total: "1595.8582",
  },
};

const text = (amount: bigint): string => {
  const digits = amount.toString().padStart(5, "0");
  return `${digits.slice(0, -4)}.${digits.slice(-4)}`;
};

for (const [stack, expected] of Object.entries(stacks)) {
  test(`${stack} costs what its parts cost by hand`, () => {
    const cost = costOutput(committedPlan(stack), book);
    assert.deepEqual(
      Object.fromEntries(cost.lines.map((line) => [line.id, line.monthlyNet.eur]).sort()),
      Object.fromEntries(
        Object.entries(expected.lines)
          .map(([id, amount]) => [id, text(amount)])
          .sort(),
      ),
    );
    const total = Object.values(expected.lines).reduce((sum, amount) => sum + amount, 0n);
    assert.equal(text(total), expected.total, "the sum written beside the table");
    assert.equal(cost.total.monthlyNet.eur, expected.total);
  });
}

test("phase 2 leaves a fifth of its 800 USD, and a user costs less than the plan allows", () => {
  const cost = costOutput(committedPlan("phase2"), book);
  // 550.87 EUR of Hetzner * 1.1133 = 613.28, + 25 USD of Cloudflare
  assert.equal(cost.total.monthlyNet.usd.slice(0, 6), "638.28");
  assert.deepEqual(cost.budget, { usd: "800", planUsd: { from: 800, to: 800 }, usedPercent: "79.8", over: false });
  const figure = cost.perUser.find((point) => point.users === 10_000);
  assert.deepEqual(
    { perUser: figure?.perUser.usd.slice(0, 6), meetsTarget: figure?.meetsTarget },
    { perUser: "0.0638", meetsTarget: true }, // 638.28 / 10,000
  );
});

test("an hour of phase 1 costs its hourly prices, and 1/730 of what is sold by the month", () => {
  const cost = costOutput(committedPlan("phase1"), book);
  const hourly = Object.fromEntries(cost.lines.map((line) => [line.id, line.hourlyNet.eur]));
  assert.deepEqual(hourly, {
    "primary-ip:server-1-ipv4": "0.000800",
    "server:server-1": "0.051300",
    "volume:server-1-data": "0.006268", // 4.576 / 730
    "cloudflare-plan:chitlaq.com": "0.000000",
    "server-backups:server-1": "0.010260", // 20 % of 0.0513
    "object-storage:base": "0.008890", // 6.49 / 730
  });
  assert.equal(cost.total.hourlyNet.eur, "0.077518");
});
