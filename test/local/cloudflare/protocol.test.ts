/** Envelope, authentication, routing, faults, state. */

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { it } from "node:test";
import { battery, startApi, token } from "./harness.ts";

const nothing = "0".repeat(32);

battery("protocol", "pro", (api, { zone }) => {
  it("tells a missing, a malformed and a wrong token apart", async () => {
    await api.refuse(400, 9106, "GET", "/zones", undefined, { authorization: "" });
    await api.refuse(400, 6003, "GET", "/zones", undefined, { authorization: token });
    await api.refuse(403, 9109, "GET", "/zones", undefined, { authorization: `Bearer ${token}x` });
    await api.refuse(401, 1000, "GET", "/user/tokens/verify", undefined, { authorization: "Bearer other" });
    assert.equal((await api.result("GET", "/user/tokens/verify")).status, "active");
  });

  it("answers a malformed id, a foreign zone and a foreign account as the API does", async () => {
    await api.refuse(400, 7003, "GET", "/zones/not-an-id");
    await api.refuse(403, 9109, "GET", `/zones/${nothing}`);
    await api.refuse(403, 9109, "GET", `/accounts/${nothing}/r2/buckets`);
  });

  it("refuses and counts an unknown route, field and query parameter", async () => {
    const before = api.context.observer.unhandled().length;
    await api.refuse(404, 7000, "GET", "/radar/ranking/top");
    await api.refuse(404, 7000, "GET", "/radar/ranking/top");
    const body = { name: "odd", type: "A", content: "192.0.2.9", colour: "red" };
    const [message = ""] = await api.refuse(400, 10_001, "POST", `/zones/${zone}/dns_records`, body);
    assert.match(message, /colour/);
    await api.refuse(400, 10_001, "GET", `/zones/${zone}/dns_records?flavour=sweet`);
    const counted = api.context.observer.unhandled().slice(before);
    assert.deepEqual(
      counted.map(({ api: name, kind, method, path, field, count }) => [name, kind, method, path, field, count]),
      [
        ["cloudflare", "route", "GET", "/client/v4/radar/ranking/top", "", 2],
        ["cloudflare", "field", "POST", "/client/v4/zones/{id}/dns_records", "colour", 1],
        ["cloudflare", "query", "GET", "/client/v4/zones/{id}/dns_records", "flavour", 1],
      ],
    );
    assert.ok(
      api.lines.some((line) => line.includes("/radar/ranking/top")),
      "an unknown route is logged",
    );
  });

  it("refuses a body that is not JSON, and reports every field that is wrong", async () => {
    await api.refuse(400, 6007, "POST", `/zones/${zone}/dns_records`, "{");
    const messages = await api.refuse(400, [10_001, 10_001], "POST", `/zones/${zone}/dns_records`, {
      name: "",
      type: "SPF",
    });
    assert.match(messages.join("\n"), /name/);
    assert.match(messages.join("\n"), /type/);
  });

  it("pages lists", async () => {
    for (const name of ["p1", "p2", "p3"]) {
      await api.result("POST", `/zones/${zone}/dns_records`, { name, type: "A", content: "192.0.2.77" });
    }
    const path = `/zones/${zone}/dns_records?content=192.0.2.77&per_page=2`;
    const { body: first } = await api.call("GET", `${path}&page=1`);
    const { body: second } = await api.call("GET", `${path}&page=2`);
    assert.deepEqual(first.result_info, { page: 1, per_page: 2, count: 2, total_count: 3, total_pages: 2 });
    const names = [...first.result, ...second.result].map(({ name }: { name: string }) => name);
    assert.deepEqual(new Set(names), new Set(["p1.example.com", "p2.example.com", "p3.example.com"]));
  });

  it("answers a fault in the API's own envelope, with Retry-After, as often as told", async () => {
    const effect = { type: "error", status: 429, code: "971", message: "slow down", retryAfterSeconds: 7 };
    const made = await api.call("POST", "/_local/faults", { api: "cloudflare", path: "/ips", times: 1, effect });
    assert.equal(made.status, 201);
    const refused = await api.call("GET", "/ips");
    assert.deepEqual([refused.status, refused.headers.get("retry-after")], [429, "7"]);
    assert.deepEqual(refused.body.errors, [{ code: 971, message: "slow down" }]);
    assert.equal((await api.call("GET", "/ips")).status, 200);
  });

  it("shows zones with plan and account, and keeps the id when the plan changes", async () => {
    const shown = await api.result("GET", `/zones/${zone}`);
    assert.equal(shown.plan.legacy_id, "pro");
    assert.equal(shown.status, "active");
    assert.match(shown.account.id, /^[0-9a-f]{32}$/);
    const other = await api.zone("other.example", "free");
    assert.equal(await api.zone("other.example", "business"), other);
    assert.equal((await api.result("GET", `/zones/${other}`)).plan.legacy_id, "business");
    assert.deepEqual(
      (await api.result("GET", "/zones?name=other.example,absent.example")).map(({ id }: { id: string }) => id),
      [other],
    );
    assert.equal((await api.call("DELETE", `/_local/zones/${other}`)).status, 204);
    await api.refuse(403, 9109, "GET", `/zones/${other}`);
  });

  it("has a subscription on paid plans only", async () => {
    assert.equal((await api.result("GET", `/zones/${zone}/subscription`)).rate_plan.id, "pro");
    const free = await api.zone("free.example", "free");
    await api.refuse(404, 1207, "GET", `/zones/${free}/subscription`);
  });

  it("publishes the address ranges of the edge", async () => {
    const ranges = await api.result("GET", "/ips");
    assert.equal(ranges.ipv4_cidrs.length, 15);
    assert.equal(ranges.ipv6_cidrs.length, 7);
    assert.ok(ranges.ipv4_cidrs.includes("173.245.48.0/20"));
  });

  it("keeps the control API behind the token", async () => {
    assert.equal((await api.call("GET", "/_local/zones", undefined, { authorization: "" })).status, 401);
    assert.equal((await api.call("POST", "/_local/zones", { name: "not a domain", plan: "gold" })).status, 422);
  });
});

it("finds everything again after a restart, the signing authority included", async () => {
  const directory = await mkdtemp(join(tmpdir(), "cloudflare-"));
  const stateFile = join(directory, "state.sqlite");
  const zones = [{ name: "example.com", plan: "pro" }] as const;
  try {
    const before = await startApi({ transport: "in process", stateFile, zones });
    const [zone] = await before.result("GET", "/zones");
    const record = { name: "www", type: "A", content: "192.0.2.1", ttl: 60 };
    const { id } = await before.result("POST", `/zones/${zone.id}/dns_records`, record);
    const authority = (await before.call("GET", "/_local/origin-ca")).body.certificate;
    await before.close();
    const again = await startApi({ transport: "in process", stateFile, zones });
    assert.equal((await again.result("GET", `/zones/${zone.id}/dns_records/${id}`)).content, "192.0.2.1");
    assert.equal((await again.call("GET", "/_local/origin-ca")).body.certificate, authority);
    await again.close();
  } finally {
    await rm(directory, { recursive: true });
  }
});

it("has its own zones again after a reset, and nothing else", async () => {
  const api = await startApi({ transport: "in process", zones: [{ name: "example.com", plan: "free" }] });
  await api.zone("second.example", "pro");
  assert.equal((await api.call("POST", "/_local/reset")).status, 204);
  const names = (await api.result("GET", "/zones")).map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ["example.com"]);
  await api.close();
});
