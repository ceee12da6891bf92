import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { loadPriceBook, type PriceBook, type PriceEntry } from "../../cost/prices/book.ts";
import { bookFaults } from "../../cost/prices/check.ts";
import { MissingPriceError } from "../../cost/prices/errors.ts";
import { findExchangeRate, findPrice, includedTrafficTB, sourceOf } from "../../cost/prices/lookup.ts";
import { book } from "./support.ts";

const serverPrice = (type: string, location: string, at: string, orderedAt: string | null = null) =>
  findPrice(book, { item: `server:${type}`, location, at, orderedAt });

test("the committed price book is well-formed: shapes, sources, no two prices from one day, caps of 624 hours", () => {
  assert.deepEqual(bookFaults(book), []);
});

test("every fault of a book is named: two prices for one day, a lost source, an hourly price that misses its cap", () => {
  const entry: PriceEntry = {
    item: "server:cx23",
    locations: ["fsn1"],
    currency: "EUR",
    unit: "month",
    net: "5.49",
    hourlyNet: "0.0088",
    validFrom: "2026-06-15",
    validUntil: null,
    scope: "orders",
    source: "gone",
  };
  const faulty: PriceBook = {
    ...book,
    prices: [
      { ...entry, source: book.sources[0]?.id ?? "" },
      { ...entry, hourlyNet: "0.0100" },
      { ...entry, item: "server:cx33", validUntil: "2026-06-01" },
      { ...entry, item: "server:cx43", net: "-1", hourlyNet: null, source: book.sources[0]?.id ?? "" },
    ],
  };
  assert.deepEqual(bookFaults(faulty), [
    "price 4: net: a decimal number without a sign",
    "server:cx23 in fsn1 from 2026-06-15: source gone is not in sources",
    "server:cx23 in fsn1 from 2026-06-15: also priced by the line server:cx23 in fsn1 from 2026-06-15",
    "server:cx23 in fsn1 from 2026-06-15: 0.0100 an hour does not reach 5.49 a month after 624 hours",
    "server:cx33 in fsn1 from 2026-06-15: source gone is not in sources",
    "server:cx33 in fsn1 from 2026-06-15: ends on 2026-06-01, before it begins",
  ]);
});

test("a server pays by the day of its order: April raised everyone, June only orders and rescales", () => {
  const rows: readonly (readonly [string, string | null, string, boolean])[] = [
    // [at, orderedAt, net of ccx23 in fsn1, keeps an old price]
    ["2026-03-31", null, "23.99", false],
    ["2026-04-01", null, "31.49", false],
    ["2026-05-20", "2026-03-01", "31.49", false],
    ["2026-06-14", null, "31.49", false],
    ["2026-06-15", null, "85.99", false],
    ["2026-06-15", "2026-06-14", "31.49", true],
    ["2026-11-23", "2025-01-01", "31.49", true],
    ["2026-11-23", "2026-06-15", "85.99", false],
    ["2026-11-23", null, "85.99", false],
  ];
  for (const [at, orderedAt, net, locked] of rows) {
    const price = serverPrice("ccx23", "fsn1", at, orderedAt);
    assert.deepEqual([at, orderedAt, price.net, price.locked], [at, orderedAt, net, locked]);
  }
});

test("a retired type has the price its existing servers pay, and none for new orders", () => {
  assert.equal(serverPrice("cpx21", "fsn1", "2026-11-23", "2025-06-01").net, "9.49");
  assert.equal(serverPrice("cpx21", "sin", "2026-11-23", "2025-06-01").net, "18.49");
  assert.throws(() => serverPrice("cpx21", "fsn1", "2026-11-23"), {
    name: "MissingPriceError",
    message:
      'no price for server:cpx21 in fsn1 on 2026-11-23: it had no price for orders of that day; add a reading with its source to cost/prices/data/prices.jsonl, or run "prices update" with a token',
  });
});

test("what the book does not know is an error that names item, place and day, never a zero", () => {
  const questions = [
    { item: "floating-ipv4", location: "ash", at: "2026-11-23", orderedAt: null },
    { item: "server:cx23", location: "ash", at: "2026-11-23", orderedAt: null },
    { item: "load-balancer:lb11", location: "sin", at: "2026-11-23", orderedAt: null },
  ];
  for (const question of questions) {
    assert.throws(
      () => findPrice(book, question),
      (error: unknown) =>
        error instanceof MissingPriceError &&
        error.message.includes(question.item) &&
        error.message.includes(question.location) &&
        error.message.includes("never seen it there"),
    );
  }
});

test("a change whose figure was never found is an error, not the price before it", () => {
  assert.equal(serverPrice("cpx21", "ash", "2026-03-31").net, "8.99");
  assert.throws(() => serverPrice("cpx21", "ash", "2026-11-23", "2026-03-31"), /changed on 2026-04-01/);
  assert.equal(serverPrice("cpx21", "ash", "2026-11-23", "2026-06-15").net, "31.99");
});

test("an order after the day asked for has no price", () => {
  assert.throws(() => serverPrice("ccx23", "fsn1", "2026-05-01", "2026-05-02"), /after the day asked for/);
});

test("prices differ by location: traffic in Singapore, machines in the US", () => {
  const net = (item: string, location: string) =>
    findPrice(book, { item, location, at: "2026-11-23", orderedAt: null }).net;
  assert.deepEqual(
    ["fsn1", "ash", "sin"].map((location) => net("traffic", location)),
    ["1.00", "1.00", "7.40"],
  );
  assert.deepEqual(
    ["fsn1", "ash", "sin"].map((location) => net("server:ccx33", location)),
    ["138.49", "140.99", "174.49"],
  );
  assert.deepEqual(
    ["fsn1", "ash", "sin"].map((location) => includedTrafficTB(book, "ccx33", location)),
    [30, 3, 3],
  );
});

test("Cloudflare's plans are in USD, monthly and yearly, and Free is a price of zero that somebody wrote down", () => {
  const price = (item: string) => findPrice(book, { item, location: null, at: "2026-11-23", orderedAt: null });
  assert.deepEqual(
    ["cloudflare-plan:free", "cloudflare-plan:pro", "cloudflare-plan:business", "cloudflare-plan-yearly:pro"].map(
      (item) => [price(item).net, price(item).currency],
    ),
    [
      ["0", "USD"],
      ["25", "USD"],
      ["250", "USD"],
      ["20", "USD"],
    ],
  );
});

test("the exchange rate is the newest one of the day, and there is none before the book begins", () => {
  assert.equal(findExchangeRate(book, "2026-11-23").usdPerEur, "1.1133");
  assert.equal(findExchangeRate(book, "2026-10-27").usdPerEur, "1.1225");
  assert.throws(() => findExchangeRate(book, "2025-12-31"), /no price for exchange rate EUR\/USD on 2025-12-31/);
});

test("every price leads to a source with the day it was read", () => {
  for (const entry of book.prices) assert.match(sourceOf(book, entry.source).read, /^\d{4}-\d{2}-\d{2}$/);
});

test("a broken line of a data file is named by file and number", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "price-book-"));
  t.after(() => rmSync(directory, { recursive: true }));
  for (const file of ["prices.jsonl", "server-types.jsonl", "exchange-rates.jsonl"]) {
    writeFileSync(join(directory, file), "");
  }
  writeFileSync(join(directory, "sources.jsonl"), '{"id":"a","read":"2026-01-01","title":"b"}\n{"id":\n');
  assert.throws(() => loadPriceBook(directory), /sources\.jsonl line 2: not a JSON object/);
});
