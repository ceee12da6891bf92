import assert from "node:assert/strict";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { bookDirectory, loadPriceBook } from "../../cost/prices/book.ts";
import { bookFaults } from "../../cost/prices/check.ts";
import { findPrice, includedTrafficTB } from "../../cost/prices/lookup.ts";
import { createHetznerApp } from "../../local/hetzner/app.ts";
import { noMachines } from "../../local/hetzner/driver.ts";
import { closeContext, createContext } from "../../local/shared/context.ts";
import { run } from "./support.ts";

/** A change to what the emulator answers on a path, so that there is something to find. */
type Rewrite = (path: string, body: string) => string;

const token = "0123456789abcdef".repeat(4);

let rewrite: Rewrite = (_path, body) => body;
let endpoint = "";
let directory = "";
let close: () => Promise<void> = async () => {};

before(async () => {
  const context = createContext({ stateFile: ":memory:", log: () => {} });
  const hetzner = createHetznerApp({ context, token, driver: noMachines });
  const server = createServer((request, response) => {
    void (async () => {
      const path = request.url ?? "/";
      const authorization = request.headers.authorization ?? "";
      const answer = await hetzner.app.request(path, { headers: { authorization } });
      response.writeHead(answer.status, { "content-type": "application/json" });
      response.end(rewrite(path, await answer.text()));
    })();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  close = async () => {
    await new Promise((resolve) => server.close(resolve));
    await hetzner.close();
    closeContext(context);
  };
  directory = mkdtempSync(join(tmpdir(), "price-book-"));
  cpSync(bookDirectory, directory, { recursive: true });
  process.env.HCLOUD_TOKEN = token;
});

after(async () => {
  rmSync(directory, { recursive: true, force: true });
  await close();
});

const prices = (verb: string, ...args: readonly string[]) =>
  run(["prices", verb, "--endpoint", endpoint, "--book", directory, "--read", "2026-12-01", ...args]);

const files = () =>
  Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")]));

describe("prices against an API", () => {
  test("check names what the book does not know, and agrees on every server price and type", async () => {
    const { out, code } = await prices("check");
    assert.equal(code, 3);
    // The book has no floating IPs and no load balancers outside the EU; the emulator invents figures for both.
    const lines = out.split("\n").slice(1);
    assert.ok(lines.length > 0);
    assert.deepEqual(
      lines.filter(
        (line) => !/^(floating-ipv[46] in \w+|load-balancer:lb\d1 in (ash|hil|sin)): not in the book → /.test(line),
      ),
      [],
    );
  });

  test("a dry run writes nothing", async () => {
    const before = files();
    const { out } = await prices("update", "--dry-run");
    assert.match(out, /Would add \d+ prices and 0 server types, read 2026-12-01\.$/);
    assert.deepEqual(files(), before);
  });

  test("update appends what is new, changes no line that was there, and then check agrees", async () => {
    const before = files();
    assert.equal((await prices("update")).code, 0);
    const now = files();
    for (const [name, text] of Object.entries(before)) {
      assert.ok(now[name]?.startsWith(text), `${name} only grew`);
    }
    assert.match(now["sources.jsonl"] ?? "", /"id":"hetzner-api-2026-12-01","read":"2026-12-01"/);
    assert.deepEqual(bookFaults(loadPriceBook(directory)), []);
    const checked = await prices("check");
    assert.deepEqual([checked.code, checked.out.split(" agrees")[0]], [0, "The price book of 2026-12-01"]);
    const again = files();
    assert.match((await prices("update")).out, /nothing to add/);
    assert.deepEqual(files(), again);
  });

  test("a raised server price holds for orders from that day; servers from before keep theirs", async () => {
    rewrite = (_path, body) =>
      body.replaceAll('"85.9900000000"', '"99.9900000000"').replaceAll('"0.1378000000"', '"0.1602000000"');
    assert.match((await prices("check")).out, /^server:ccx23 in fsn1: 85\.99 → 99\.99$/m);
    const { out } = await run([
      "prices",
      "update",
      "--endpoint",
      endpoint,
      "--book",
      directory,
      "--read",
      "2026-12-05",
    ]);
    assert.match(out, /Added 1 prices and 0 server types/);
    const book = loadPriceBook(directory);
    const price = (at: string, orderedAt: string | null) =>
      findPrice(book, { item: "server:ccx23", location: "nbg1", at, orderedAt }).net;
    assert.deepEqual(
      [
        price("2026-12-04", null),
        price("2026-12-05", null),
        price("2027-01-01", "2026-12-04"),
        price("2027-01-01", "2026-05-01"),
      ],
      ["85.99", "99.99", "85.99", "31.49"],
    );
    assert.equal((await prices("check")).code, 3, "the reading of 2026-12-01 comes before the change");
    const checked = await run(["prices", "check", "--endpoint", endpoint, "--book", directory, "--read", "2026-12-05"]);
    assert.equal(checked.code, 0);
  });

  test("with --everyone existing servers pay the new price too", async () => {
    rewrite = (_path, body) =>
      body
        .replaceAll('"138.4900000000"', '"150.4900000000"')
        .replaceAll('"0.2219000000"', '"0.2412000000"')
        .replaceAll('"85.9900000000"', '"99.9900000000"')
        .replaceAll('"0.1378000000"', '"0.1602000000"');
    await run(["prices", "update", "--everyone", "--endpoint", endpoint, "--book", directory, "--read", "2026-12-06"]);
    const question = { item: "server:ccx33", location: "fsn1", at: "2027-01-01", orderedAt: "2026-05-01" };
    assert.equal(findPrice(loadPriceBook(directory), question).net, "150.49");
  });

  test("a type that is retired somewhere, one that is new and one that is gone are found and kept with their history", async () => {
    rewrite = (path, body) => {
      if (!path.startsWith("/v1/server_types")) return body.replaceAll('"cpx62"', '"cpx72"');
      const answer = JSON.parse(body.replaceAll('"cpx62"', '"cpx72"')) as {
        server_types: { name: string; locations: { name: string; deprecation: object | null }[] }[];
      };
      for (const type of answer.server_types.filter(({ name }) => name === "ccx13")) {
        for (const location of type.locations.filter(({ name }) => name === "sin")) {
          location.deprecation = { announced: "2026-10-01T00:00:00Z", unavailable_after: "2026-12-31T00:00:00Z" };
        }
      }
      return JSON.stringify(answer);
    };
    const { out } = await run([
      "prices",
      "update",
      "--endpoint",
      endpoint,
      "--book",
      directory,
      "--read",
      "2027-01-10",
    ]);
    assert.match(out, /^ccx13: can no longer be ordered in sin$/m);
    assert.match(out, /^cpx72: new$/m);
    assert.match(out, /^cpx62: no longer in the list of server types$/m);
    const book = loadPriceBook(directory);
    const sold = (name: string, location: string) =>
      book.serverTypes.find((type) => type.name === name)?.sold.find((place) => place.locations.includes(location));
    assert.deepEqual([sold("ccx13", "sin")?.until, sold("ccx13", "fsn1")?.until], ["2026-12-31", null]);
    assert.deepEqual([sold("cpx62", "fsn1")?.until, sold("cpx72", "fsn1")?.from], ["2027-01-09", "2027-01-10"]);
    assert.equal(includedTrafficTB(book, "cpx72", "sin"), 5);
    rewrite = (_path, body) => body;
  });

  test("stock is compared only on request", async () => {
    const { out } = await run([
      "prices",
      "check",
      "--stock",
      "--endpoint",
      endpoint,
      "--book",
      bookDirectory,
      "--read",
      "2026-12-01",
    ]);
    assert.match(out, /^cx23: in stock in fsn1, in stock in nbg1, in stock in hel1$/m);
  });

  test("an answer that is not a price list, a refused token and silence are told apart", async () => {
    rewrite = (_path, body) => body.replace('"EUR"', '"CHF"');
    const currency = await prices("check");
    assert.equal(currency.code, 1);
    assert.match(currency.err, /\/pricing: unexpected answer:[\s\S]*currency/);
    rewrite = (_path, body) => body;
    process.env.HCLOUD_TOKEN = "wrong";
    assert.match((await prices("check")).err, /answered 401; HCLOUD_TOKEN must hold a token of the project/);
    process.env.HCLOUD_TOKEN = "";
    assert.match((await prices("check")).err, /^HCLOUD_TOKEN: not set/);
    process.env.HCLOUD_TOKEN = token;
    const silent = await run(["prices", "check", "--endpoint", "http://127.0.0.1:1/v1"]);
    assert.match(silent.err, /^http:\/\/127\.0\.0\.1:1\/v1\/pricing: no answer/);
    const { err } = await run(["prices", "check", "--endpoint", "nonsense"]);
    assert.match(err, /^--endpoint: nonsense given/);
    for (const { err: text } of [currency, silent]) assert.doesNotMatch(text, new RegExp(token));
  });
});

describe("prices show", () => {
  test("lists prices in force with their days and sources", async () => {
    const { out } = await run(["prices", "show", "ccx23"]);
    assert.match(out, /│ server:ccx23 │ ash hil +│ +87\.49 │ EUR\/month │ 0\.1402 │ 2026-06-15 │/);
    assert.doesNotMatch(out, /31\.49/);
    assert.match(out, /^Source {3}Answers of GET \/v1\/server_types/m);
  });

  test("--at and --history go back", async () => {
    assert.match((await run(["prices", "show", "ccx23", "--at", "2026-05-01"])).out, /31\.49/);
    const all = (await run(["prices", "show", "ccx23", "--history"])).out;
    assert.ok(["23.99", "31.49", "85.99"].every((price) => all.includes(price)));
  });

  test("--json carries each price with its source", async () => {
    const { out } = await run(["prices", "show", "primary-ipv4", "--json"]);
    const { prices: rows } = JSON.parse(out) as { prices: { net: string; source: { read: string } }[] };
    assert.deepEqual(
      rows.map((row) => [row.net, row.source.read]),
      [["0.50", "2026-09-29"]],
    );
  });

  test("a filter that matches nothing is said so", async () => {
    const { err, code } = await run(["prices", "show", "dedicated-root"]);
    assert.equal(code, 1);
    assert.match(err, /^filter: dedicated-root given, the price book has no such item or location on 2026-11-23$/);
  });
});
