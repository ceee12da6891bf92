import assert from "node:assert/strict";
import { test } from "node:test";
import { battery, newServer, serverOf } from "./harness.ts";

battery("catalogue", (api) => {
  test("locations and their zones", async () => {
    const { locations } = await api.expect(200, "GET", "/locations");
    assert.deepEqual(
      locations.map(({ id, name, network_zone }) => `${id} ${name} ${network_zone}`),
      [
        "1 fsn1 eu-central",
        "2 nbg1 eu-central",
        "3 hel1 eu-central",
        "4 ash us-east",
        "5 hil us-west",
        "6 sin ap-southeast",
      ],
    );
    assert.equal((await api.expect(200, "GET", "/locations?name=ash")).locations[0]?.id, 4);
    assert.equal((await api.expect(200, "GET", "/locations/6")).location.name, "sin");
  });

  test("cpx21: three prices, orderable in the US only, retired elsewhere", async () => {
    const { server_type: type } = await api.expect(200, "GET", "/server_types/23");
    assert.deepEqual([type.name, type.description], ["cpx21", "CPX 21"]);
    const prices = new Map(type.prices.map((entry) => [entry.location, entry]));
    assert.deepEqual([...prices.keys()], ["fsn1", "nbg1", "hel1", "ash", "hil", "sin"]);
    assert.deepEqual(prices.get("ash")?.price_monthly, { net: "31.9900000000", gross: "31.9900000000000000" });
    assert.equal(prices.get("ash")?.price_hourly.net, "0.0513000000");
    assert.equal(prices.get("ash")?.included_traffic, 2 * 2 ** 40);
    assert.equal(prices.get("sin")?.price_per_tb_traffic.net, "7.4000000000");
    const available = type.locations.filter((location) => location.available).map((location) => location.name);
    assert.deepEqual(available, ["ash", "hil"]);
    const retired = type.locations.find((location) => location.name === "fsn1")?.deprecation;
    assert.equal(retired?.unavailable_after, "2025-12-31T00:00:00+00:00");
  });

  test("hourly prices are the monthly ones over 624 hours", async () => {
    const { pricing } = await api.expect(200, "GET", "/pricing");
    let compared = 0;
    for (const { name, prices } of pricing.server_types) {
      for (const { price_hourly, price_monthly } of prices) {
        const expected = (Number(price_monthly.net) / 624).toFixed(4);
        assert.ok(
          Math.abs(Number(price_hourly.net) - Number(expected)) < 0.00011,
          `${name} ${price_hourly.net} ${expected}`,
        );
        compared += 1;
      }
    }
    assert.ok(compared > 100);
  });

  test("types that are gone stay in pricing only", async () => {
    assert.deepEqual((await api.expect(200, "GET", "/server_types?name=cx22")).server_types, []);
    const { pricing } = await api.expect(200, "GET", "/pricing");
    assert.ok(pricing.server_types.some((type) => type.name === "cx22"));
    assert.equal(pricing.currency, "EUR");
    assert.equal(pricing.volume.price_per_gb_month.net, "0.0572000000");
    assert.equal(pricing.image.price_per_gb_month.net, "0.0143000000");
    assert.equal(Number(pricing.server_backup.percentage), 20);
    const ipv4 = pricing.primary_ips.find((entry) => entry.type === "ipv4")?.prices;
    assert.deepEqual(new Set(ipv4?.map((entry) => entry.price_monthly.net)), new Set(["0.5000000000"]));
    const lb11 = pricing.load_balancer_types.find((type) => type.name === "lb11")?.prices[0];
    assert.equal(lb11?.price_monthly.net, "7.4900000000");
  });

  test("datacenters are gone with 410", async () => {
    for (const path of ["/datacenters", "/datacenters/1", "/datacenters?name=fsn1-dc14"]) {
      const fault = await api.refuse(410, "deprecated_api_endpoint", "GET", path);
      assert.match(fault.details.announcement, /^https:\/\/docs\.hetzner\.cloud\/changelog/);
    }
  });

  test("images by name and architecture; ISOs; load balancer types", async () => {
    const { images } = await api.expect(200, "GET", "/images?name=debian-13&architecture=arm");
    assert.deepEqual(
      images.map(({ name, architecture, type, status }) => [name, architecture, type, status]),
      [["debian-13", "arm", "system", "available"]],
    );
    const names = (await api.expect(200, "GET", "/images?type=system")).images.map((image) => image.name);
    assert.deepEqual(new Set(names), new Set(["debian-12", "debian-13", "ubuntu-24.04"]));
    assert.equal((await api.expect(200, "GET", "/isos")).isos.length, 2);
    const { load_balancer_types } = await api.expect(200, "GET", "/load_balancer_types");
    assert.deepEqual(
      load_balancer_types.map(({ name, max_targets }) => [name, max_targets]),
      [
        ["lb11", 25],
        ["lb21", 75],
        ["lb31", 150],
      ],
    );
  });

  test("an offer of the past can be put back to make a server that keeps its price", async () => {
    await api.expect(204, "PUT", "/_local/offers/cpx21/fsn1", { month: "7.99", hour: "0.0128" });
    const { id } = await newServer(api, { server_type: "cpx21" });
    await api.expect(204, "DELETE", "/_local/offers/cpx21/fsn1");
    assert.equal((await serverOf(api, id)).server_type.name, "cpx21");
    const { lines } = await api.expect(200, "GET", "/_local/billing");
    assert.equal(lines.find((line) => line.id === id)?.price_monthly, "7.99");
  });
});
