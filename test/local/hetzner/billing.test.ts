import assert from "node:assert/strict";
import { test } from "node:test";
import { type BillingLine, chargesOf } from "../../../local/hetzner/engine/billing.ts";
import { type Api, battery, frozen, newServer } from "./harness.ts";
import type { Body } from "./shapes.ts";

const line = (more: Partial<BillingLine> = {}): BillingLine => ({
  id: 1,
  resource: "server",
  resourceId: 1,
  name: "s",
  product: "cpx21",
  location: "ash",
  quantity: 1,
  month: "31.99",
  hour: "0.0513",
  from: Date.UTC(2026, 10, 1, 0, 30),
  to: null,
  ...more,
});

test("started hours count, the month is the cap, months are billed apart", () => {
  const hour = 3_600_000;
  const { from } = line();
  assert.deepEqual(chargesOf(line(), from), []);
  assert.deepEqual(chargesOf(line(), from + 1), [{ month: "2026-11", hours: 1, net: "0.0513" }]);
  assert.deepEqual(chargesOf(line(), from + hour + 1), [{ month: "2026-11", hours: 2, net: "0.1026" }]);
  // 623 hours are below the cap of 31.99, 624 hours (32.0112) above it.
  assert.equal(chargesOf(line(), from + 623 * hour)[0]?.net, "31.9599");
  assert.equal(chargesOf(line(), from + 624 * hour)[0]?.net, "31.9900");
  assert.deepEqual(
    chargesOf(line({ from: Date.UTC(2026, 10, 30, 23) }), Date.UTC(2026, 11, 1, 2)).map(({ month, hours }) => [
      month,
      hours,
    ]),
    [
      ["2026-11", 1],
      ["2026-12", 2],
    ],
  );
});

test("things with a monthly price only cost a 624th per hour and unit", () => {
  const volume = line({ month: "0.0572", hour: null, quantity: 100 });
  assert.equal(chargesOf(volume, volume.from + 312 * 3_600_000)[0]?.net, "2.8600");
});

battery("billing", (api) => {
  const report = (): Promise<Body> => api.expect(200, "GET", "/_local/billing");
  const linesOf = async (of: Api, id: number) =>
    (await of.expect(200, "GET", "/_local/billing")).lines.filter((l) => l.id === id);

  test("a powered-off server costs on; a rescale freezes the new price; deletion ends the line", async () => {
    const { id } = await newServer(api, { server_type: "cpx21", location: "ash" });
    await api.done("POST", `/servers/${id}/actions/poweroff`);
    await frozen(api, () => api.expect(200, "POST", "/_local/clock", { advanceSeconds: 2 * 3600 - 60 }));
    assert.equal((await linesOf(api, id))[0]?.charges.at(-1)?.net, "0.1026");
    await api.done("POST", `/servers/${id}/actions/change_type`, { server_type: "cpx31", upgrade_disk: false });
    const lines = await linesOf(api, id);
    assert.deepEqual(
      lines.map(({ product, price_monthly, to }) => [product, price_monthly, to === null]),
      [
        ["cpx21", "31.99", false],
        ["cpx31", "62.49", true],
      ],
    );
    await api.done("DELETE", `/servers/${id}`);
    assert.ok((await linesOf(api, id)).every(({ to }) => to !== null));
  });

  test("addresses, volumes, load balancers and backups have lines of their own", async () => {
    const server = await newServer(api);
    await api.done("POST", `/servers/${server.id}/actions/enable_backup`);
    const { volume } = await api.done("POST", "/volumes", { name: "billed", size: 10, location: "fsn1" });
    await api.done("POST", `/volumes/${volume.id}/actions/resize`, { size: 25 });
    await api.done("POST", "/load_balancers", { name: "billed", load_balancer_type: "lb11", location: "fsn1" });
    const open = (await report()).lines.filter(({ to }) => to === null);
    const shown = open.map(({ product, price_monthly, quantity }) => `${product} ${price_monthly} x${quantity}`);
    assert.deepEqual(
      new Set(shown),
      new Set(["cpx22 19.49 x1", "primary_ipv4 0.50 x1", "backup 19.49 x0.2", "volume_gb 0.0572 x25", "lb11 7.49 x1"]),
    );
    await api.done("POST", `/servers/${server.id}/actions/disable_backup`);
    await api.done("DELETE", `/servers/${server.id}`);
    const left = (await report()).lines.filter(({ to }) => to === null).map(({ product }) => product);
    assert.deepEqual(new Set(left), new Set(["volume_gb", "lb11"]));
  });
});
