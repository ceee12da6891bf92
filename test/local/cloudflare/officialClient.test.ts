/** The emulator judged by Cloudflare's own client: its types, paging and error classes must fit without a change. */

import assert from "node:assert/strict";
import { generateKeyPairSync, webcrypto } from "node:crypto";
import { after, describe, it } from "node:test";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import Cloudflare from "cloudflare";
import { startApi, token } from "./harness.ts";

const collect = async <T>(pages: AsyncIterable<T>): Promise<readonly T[]> => {
  const found: T[] = [];
  for await (const item of pages) {
    found.push(item);
  }
  return found;
};

/** The client leaves some answers untyped. */
type Ruleset = { readonly id: string; readonly rules: readonly { readonly id: string }[] };

const first = <T>(items: readonly T[]): T => {
  const [item] = items;
  assert.ok(item !== undefined);
  return item;
};

const makeRequest = async (): Promise<string> => {
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as webcrypto.CryptoKeyPair;
  x509.cryptoProvider.set(webcrypto);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({ keys, signingAlgorithm: algorithm });
  return request.toString("pem");
};

describe("the official client", async () => {
  const api = await startApi({ zones: [{ name: "example.com", plan: "pro" }] });
  after(() => api.close());
  const client = new Cloudflare({ apiToken: token, baseURL: api.baseUrl, maxRetries: 2, logLevel: "off" });
  const zone = first(await collect(client.zones.list({ name: "example.com" })));
  const zone_id = zone.id;
  const account_id = zone.account.id ?? "";

  it("reads zone, token and address ranges", async () => {
    assert.equal((await client.zones.get({ zone_id })).name, "example.com");
    assert.equal((await client.user.tokens.verify()).status, "active");
    assert.ok(((await client.ips.list()) as { ipv4_cidrs?: string[] }).ipv4_cidrs?.length);
    assert.equal((await client.zones.subscriptions.get({ zone_id })).rate_plan?.id, "pro");
    assert.equal(first(await collect(client.accounts.list())).id, account_id);
  });

  it("walks pages of records, and changes and deletes one", async () => {
    for (let count = 0; count < 7; count += 1) {
      const record = { zone_id, name: `r${count}`, type: "A", content: "192.0.2.1", ttl: 300 } as const;
      await client.dns.records.create(record);
    }
    const records = await collect(client.dns.records.list({ zone_id, per_page: 3, type: "A" }));
    assert.equal(records.length, 7);
    const exact = await collect(client.dns.records.list({ zone_id, name: { exact: "r3.example.com" } }));
    const { id = "" } = first(exact);
    const path = { zone_id, name: "r3.example.com", type: "A", ttl: 1 } as const;
    assert.equal((await client.dns.records.edit(id, { ...path, proxied: true, content: "192.0.2.2" })).proxied, true);
    assert.equal((await client.dns.records.update(id, { ...path, content: "192.0.2.3" })).content, "192.0.2.3");
    assert.equal((await client.dns.records.delete(id, { zone_id })).id, id);
    await assert.rejects(client.dns.records.get(id, { zone_id }), Cloudflare.NotFoundError);
  });

  it("maps refusals to its error classes, with the codes of the envelope", async () => {
    const twin = { zone_id, name: "r0", type: "A", content: "192.0.2.1", ttl: 1 } as const;
    await assert.rejects(client.dns.records.create(twin), (error) => {
      assert.ok(error instanceof Cloudflare.BadRequestError);
      assert.deepEqual(
        error.errors.map(({ code }) => code),
        [81_058],
      );
      return true;
    });
    const stranger = new Cloudflare({ apiToken: "another", baseURL: api.baseUrl, maxRetries: 0, logLevel: "off" });
    await assert.rejects(collect(stranger.zones.list()), Cloudflare.PermissionDeniedError);
  });

  it("repeats what the API was too busy for", async () => {
    api.context.faults.add({
      api: "cloudflare",
      path: `/zones/${zone_id}`,
      times: 2,
      effect: { type: "error", status: 429, code: "10013", retryAfterSeconds: 1 },
    });
    const started = performance.now();
    assert.equal((await client.zones.get({ zone_id })).id, zone_id);
    assert.ok(performance.now() - started >= 1900, "it honours Retry-After");
  });

  it("edits settings and switches", async () => {
    const ssl = await client.zones.settings.edit("ssl", { zone_id, value: "strict" });
    assert.equal("value" in ssl ? ssl.value : undefined, "strict");
    await client.cache.smartTieredCache.create({ zone_id, value: "on" });
    assert.equal((await client.cache.smartTieredCache.get({ zone_id })).value, "on");
    await client.cache.smartTieredCache.delete({ zone_id });
    assert.equal((await client.argo.tieredCaching.edit({ zone_id, value: "on" })).value, "on");
    assert.equal((await client.argo.smartRouting.edit({ zone_id, value: "on" })).value, "on");
    await client.originTLSClientAuth.settings.update({ zone_id, enabled: true });
    assert.equal((await client.originTLSClientAuth.settings.get({ zone_id })).enabled, true);
    const bots = await client.botManagement.update({ zone_id, sbfm_definitely_automated: "block" });
    assert.equal("sbfm_definitely_automated" in bots ? bots.sbfm_definitely_automated : undefined, "block");
  });

  it("makes, replaces and deletes rulesets", async () => {
    const phase = "http_request_cache_settings";
    const rule = {
      ref: "assets",
      action: "set_cache_settings",
      expression: '(starts_with(http.request.uri.path, "/assets/"))',
      action_parameters: { cache: true },
    } as const;
    const made = (await client.rulesets.create({
      zone_id,
      name: "cache",
      kind: "zone",
      phase,
      rules: [rule],
    })) as Ruleset;
    const updated = (await client.rulesets.update(made.id, {
      zone_id,
      rules: [{ ...rule, enabled: false }],
    })) as Ruleset;
    assert.equal(first(updated.rules).id, first(made.rules).id);
    assert.equal(((await client.rulesets.phases.get(phase, { zone_id })) as Ruleset).id, made.id);
    assert.deepEqual(
      (await collect(client.rulesets.list({ zone_id }))).map(({ id }) => id),
      [made.id],
    );
    await client.rulesets.delete(made.id, { zone_id });
    await assert.rejects(client.rulesets.get(made.id, { zone_id }), Cloudflare.NotFoundError);
  });

  it("gets certificates signed", async () => {
    const made = await client.originCACertificates.create({
      csr: await makeRequest(),
      hostnames: ["example.com"],
      request_type: "origin-ecc",
    });
    assert.match(made.certificate ?? "", /^-----BEGIN CERTIFICATE-----/);
    assert.equal((await collect(client.originCACertificates.list({ zone_id }))).length, 1);
    const key = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ format: "pem", type: "pkcs8" });
    const uploaded = await client.originTLSClientAuth.zoneCertificates.create({
      zone_id,
      certificate: made.certificate ?? "",
      private_key: key.toString(),
    });
    await client.originTLSClientAuth.zoneCertificates.delete(uploaded.id ?? "", { zone_id });
    await client.originCACertificates.delete(made.id ?? "");
  });

  it("uses health checks, load balancing, buckets and policies", async () => {
    const check = await client.healthchecks.create({ zone_id, name: "origin", address: "example.com" });
    await client.healthchecks.edit(check.id ?? "", { zone_id, name: "origin", address: "www.example.com" });
    await client.healthchecks.delete(check.id ?? "", { zone_id });
    const monitor = await client.loadBalancers.monitors.create({ account_id, type: "https", path: "/health" });
    const pool = await client.loadBalancers.pools.create({
      account_id,
      name: "origins",
      monitor: monitor.id ?? "",
      origins: [{ name: "a", address: "192.0.2.1" }],
    });
    const balancer = await client.loadBalancers.create({
      zone_id,
      name: "lb.example.com",
      default_pools: [pool.id ?? ""],
      fallback_pool: pool.id ?? "",
    });
    assert.equal((await collect(client.loadBalancers.list({ zone_id }))).length, 1);
    await client.loadBalancers.delete(balancer.id ?? "", { zone_id });
    await client.loadBalancers.pools.delete(pool.id ?? "", { account_id });
    await client.loadBalancers.monitors.delete(monitor.id ?? "", { account_id });
    const bucket = { account_id, "cf-r2-jurisdiction": "eu" } as const;
    await client.r2.buckets.create({ ...bucket, name: "backups" });
    assert.equal((await client.r2.buckets.get("backups", bucket)).jurisdiction, "eu");
    await client.r2.buckets.delete("backups", bucket);
    const policy = await client.alerting.policies.create({
      account_id,
      name: "errors",
      alert_type: "http_alert_origin_error",
      enabled: true,
      mechanisms: { email: [{ id: "ops@example.com" }] },
    });
    await client.alerting.policies.delete(policy.id ?? "", { account_id });
  });

  it("asked for nothing the emulator does not know", () => {
    assert.deepEqual(api.context.observer.unhandled(), []);
  });
});
