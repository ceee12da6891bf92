/** Load balancing, health checks, buckets and notification policies. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { battery } from "./harness.ts";

battery("account features", "pro", (api, { zone, account }) => {
  const pools = `/accounts/${account}/load_balancers/pools`;
  const monitors = `/accounts/${account}/load_balancers/monitors`;
  const balancers = `/zones/${zone}/load_balancers`;

  it("chain monitor, pool and balancer, and hold what is in use", async () => {
    const monitor = await api.result("POST", monitors, { type: "https", path: "/health", interval: 60 });
    assert.deepEqual([monitor.method, monitor.retries, monitor.timeout], ["GET", 2, 5]);
    const origins = [
      { name: "b", address: "192.0.2.2" },
      { name: "a", address: "192.0.2.1", weight: 0.5 },
    ];
    const pool = await api.result("POST", pools, { name: "pool", origins, monitor: monitor.id });
    // By name, whatever the order of the request.
    assert.deepEqual(
      pool.origins.map(({ name, weight, enabled }: { name: string; weight: number; enabled: boolean }) => [
        name,
        weight,
        enabled,
      ]),
      [
        ["a", 0.5, true],
        ["b", 1, true],
      ],
    );
    const body = { name: "lb.example.com", default_pools: [pool.id], fallback_pool: pool.id };
    const balancer = await api.result("POST", balancers, body);
    assert.deepEqual([balancer.ttl, balancer.proxied, balancer.zone_name], [30, false, "example.com"]);
    const proxied = await api.result("PUT", `${balancers}/${balancer.id}`, { ...body, proxied: true });
    assert.deepEqual([proxied.proxied, proxied.ttl], [true, undefined]);
    await api.refuse(400, 1005, "DELETE", `${pools}/${pool.id}`);
    await api.refuse(400, 1005, "DELETE", `${monitors}/${monitor.id}`);
    await api.refuse(400, 1002, "POST", balancers, body);
    await api.refuse(400, 1002, "POST", balancers, { ...body, name: "x.example.com", fallback_pool: "f".repeat(32) });
    await api.refuse(400, 1001, "POST", pools, { name: "p2", origins, monitor: "f".repeat(32) });
    await api.result("DELETE", `${balancers}/${balancer.id}`);
    await api.result("DELETE", `${pools}/${pool.id}`);
    await api.result("DELETE", `${monitors}/${monitor.id}`);
    await api.refuse(404, 1001, "GET", `${balancers}/${balancer.id}`);
  });

  it("refuse a monitor that looks too often and a pool without origins", async () => {
    await api.refuse(400, 10_001, "POST", monitors, { interval: 5 });
    await api.refuse(400, 10_001, "POST", pools, { name: "empty", origins: [] });
  });

  it("allow as many health checks as the plan has", async () => {
    const checks = `/zones/${zone}/healthchecks`;
    const ids: string[] = [];
    for (let count = 0; count < 10; count += 1) {
      ids.push((await api.result("POST", checks, { name: `h${count}`, address: "example.com" })).id);
    }
    await api.refuse(403, 1002, "POST", checks, { name: "more", address: "example.com" });
    const patched = await api.result("PATCH", `${checks}/${ids[0]}`, { interval: 120 });
    assert.deepEqual([patched.name, patched.interval, patched.status], ["h0", 120, "unknown"]);
    for (const id of ids) {
      await api.result("DELETE", `${checks}/${id}`);
    }
    const free = await api.zone("free.example", "free");
    await api.refuse(403, 1002, "POST", `/zones/${free}/healthchecks`, { name: "h", address: "example.com" });
  });

  it("keep buckets of one name apart by jurisdiction", async () => {
    const path = `/accounts/${account}/r2/buckets`;
    const made = await api.result("POST", path, { name: "backups", locationHint: "eeur" });
    assert.deepEqual([made.location, made.jurisdiction, made.storage_class], ["EEUR", "default", "Standard"]);
    await api.refuse(409, 10_004, "POST", path, { name: "backups" });
    const eu = { "cf-r2-jurisdiction": "eu" };
    await api.result("POST", path, { name: "backups" }, eu);
    assert.equal((await api.result("GET", `${path}/backups`, undefined, eu)).jurisdiction, "eu");
    const cold = { ...eu, "cf-r2-storage-class": "InfrequentAccess" };
    assert.equal((await api.result("PATCH", `${path}/backups`, undefined, cold)).storage_class, "InfrequentAccess");
    assert.equal((await api.result("GET", `${path}/backups`)).storage_class, "Standard");
    assert.equal((await api.result("GET", path)).buckets.length, 1);
    assert.equal((await api.result("GET", path, undefined, eu)).buckets[0].jurisdiction, "eu");
    await api.result("DELETE", `${path}/backups`, undefined, eu);
    await api.refuse(404, 10_006, "GET", `${path}/backups`, undefined, eu);
    assert.equal((await api.result("GET", path)).buckets.length, 1);
    await api.refuse(400, 10_001, "POST", path, { name: "No_Good" });
    await api.refuse(400, 10_029, "GET", path, undefined, { "cf-r2-jurisdiction": "moon" });
    await api.refuse(400, 10_062, "PATCH", `${path}/backups`);
    await api.result("DELETE", `${path}/backups`);
  });

  it("keep notification policies with their own time stamps", async () => {
    const path = `/accounts/${account}/alerting/v3/policies`;
    const body = {
      name: "origin errors",
      alert_type: "http_alert_origin_error",
      mechanisms: { email: [{ id: "ops@example.com" }] },
    };
    const made = await api.result("POST", path, body);
    assert.deepEqual([made.enabled, made.filters], [true, {}]);
    assert.ok(made.created && made.modified && made.created_on === undefined);
    const put = await api.result("PUT", `${path}/${made.id}`, { ...body, enabled: false });
    assert.deepEqual([put.enabled, put.created], [false, made.created]);
    assert.equal((await api.result("GET", path)).length, 1);
    await api.refuse(400, 10_001, "POST", path, { ...body, mechanisms: { pigeon: [{ id: "x" }] } });
    await api.result("DELETE", `${path}/${made.id}`);
    await api.refuse(404, 17_000, "GET", `${path}/${made.id}`);
  });

  it("name the account", async () => {
    const accounts = await api.result("GET", "/accounts");
    assert.deepEqual(
      accounts.map(({ id }: { id: string }) => id),
      [account],
    );
  });
});
