/** Resources of an account, and how the stand-in calls the API. */

import assert from "node:assert/strict";
import { after, afterEach, before, describe, it } from "node:test";
import type { Properties } from "../../../../local/plugins/core/values.ts";
import type { FaultInput } from "../../../../local/shared/faults.ts";
import { assertReplacedBy, bear, bury, grow } from "../life.ts";
import { type LocalCloud, startCloud } from "../localCloud.ts";
import { cloudflareProvider, keptBy, type Provider } from "../provider.ts";

const token = (type: string): string => `cloudflare:index/${type.charAt(0).toLowerCase()}${type.slice(1)}:${type}`;
const RECORD = token("DnsRecord");

describe("resources of an account", () => {
  let cloud: LocalCloud;
  let provider: Provider;
  let zoneId: string;
  let accountId: string;
  before(async () => {
    cloud = await startCloud();
    provider = await cloudflareProvider(cloud);
    const [zone] = await cloud.cf("GET", "/zones?name=example.com");
    zoneId = zone.id;
    accountId = zone.account.id;
  });
  afterEach(() => cloud.liftFaults());
  after(async () => {
    await provider.close();
    await cloud.close();
  });

  const inAccount = ({ id }: { readonly id: string }): string => `${accountId}/${id}`;

  it("LoadBalancerMonitor, LoadBalancerPool and LoadBalancer", async () => {
    const monitor = await bear(provider, token("LoadBalancerMonitor"), {
      inputs: { accountId, type: "https", path: "/health", expectedCodes: "2xx", header: { Host: ["example.com"] } },
      importId: inAccount,
    });
    const origins = [
      { name: "a", address: "192.0.2.1", header: { hosts: ["example.com"] } },
      { name: "b", address: "192.0.2.2", weight: 0.5 },
    ];
    const poolInputs = { accountId, name: "origins", origins, monitor: monitor.id };
    const pool = await bear(provider, token("LoadBalancerPool"), { inputs: poolInputs, importId: inAccount });
    const sent = await cloud.cf("GET", `/accounts/${accountId}/load_balancers/pools/${pool.id}`);
    assert.deepEqual(sent.origins[0].header, { Host: ["example.com"] });
    const smaller = await grow(
      provider,
      token("LoadBalancerPool"),
      pool,
      { ...poolInputs, minimumOrigins: 2 },
      {
        changed: ["minimumOrigins"],
      },
    );
    const balancerInputs = {
      zoneId,
      name: "lb.example.com",
      defaultPools: [pool.id],
      fallbackPool: pool.id,
      regionPools: { WEU: [pool.id] },
      randomSteering: { defaultWeight: 0.5, poolWeights: { [pool.id]: 0.2 } },
    };
    const balancer = await bear(provider, token("LoadBalancer"), {
      inputs: balancerInputs,
      importId: ({ id }) => `${zoneId}/${id}`,
    });
    const shown = await cloud.cf("GET", `/zones/${zoneId}/load_balancers/${balancer.id}`);
    assert.deepEqual(shown.region_pools, { WEU: [pool.id] });
    const grown = await grow(
      provider,
      token("LoadBalancer"),
      balancer,
      { ...balancerInputs, sessionAffinity: "cookie" },
      {
        changed: ["sessionAffinity"],
      },
    );
    await assert.rejects(provider.remove(token("LoadBalancerPool"), smaller), /pool is in use/);
    await bury(provider, token("LoadBalancer"), grown);
    await bury(provider, token("LoadBalancerPool"), smaller);
    await bury(provider, token("LoadBalancerMonitor"), monitor);
  });

  it("R2Bucket, also of a jurisdiction", async () => {
    const type = token("R2Bucket");
    const made = await bear(provider, type, {
      inputs: { accountId, name: "backups", location: "weur" },
      importId: inAccount,
    });
    assert.deepEqual([made.id, made.outputs.location], ["backups", "weur"]);
    await assertReplacedBy(provider, type, made, { name: "other", location: "apac", jurisdiction: "eu" });
    const cold = { accountId, name: "backups", location: "weur", storageClass: "InfrequentAccess" };
    await bury(provider, type, await grow(provider, type, made, cold, { changed: ["storageClass"] }));
    const european = await bear(provider, type, {
      inputs: { accountId, name: "backups", jurisdiction: "eu" },
      importId: () => `${accountId}/backups/eu`,
    });
    await bury(provider, type, european);
  });

  it("NotificationPolicy", async () => {
    const type = token("NotificationPolicy");
    const inputs = {
      accountId,
      name: "errors",
      alertType: "http_alert_origin_error",
      mechanisms: { emails: [{ id: "ops@example.com" }], webhooks: [{ id: "w" }] },
      filters: { zones: [zoneId], slos: ["99.9"] },
    };
    const made = await bear(provider, type, { inputs, importId: inAccount });
    const sent = await cloud.cf("GET", `/accounts/${accountId}/alerting/v3/policies/${made.id}`);
    assert.deepEqual(sent.mechanisms, { email: [{ id: "ops@example.com" }], webhooks: [{ id: "w" }] });
    assert.deepEqual(sent.filters, { zones: [zoneId], slo: ["99.9"] });
    const next = { ...inputs, enabled: false, mechanisms: { emails: [{ id: "you@example.com" }] } };
    await bury(provider, type, await grow(provider, type, made, next, { changed: ["enabled", "mechanisms"] }));
  });

  const refusal = (status: number): FaultInput["effect"] => ({ type: "error", status, code: "10013", message: "busy" });
  const record = (name: string): Properties => ({
    zoneId,
    name: `${name}.example.com`,
    type: "A",
    content: "192.0.2.1",
    ttl: 60,
  });
  const path = "/zones/*/dns_records";

  for (const status of [408, 409, 429, 500, 503]) {
    it(`calls are repeated twice after ${status}`, async () => {
      const id = cloud.fault({ api: "cloudflare", method: "POST", path, times: 2, effect: refusal(status) });
      await provider.remove(RECORD, await provider.create(RECORD, record(`r${status}`)));
      assert.equal(cloud.struck(id), 2);
    });
  }

  it("calls are given up after the third refusal, and told with code and message", async () => {
    const id = cloud.fault({ api: "cloudflare", method: "POST", path, effect: refusal(503) });
    const failure: unknown = await provider.create(RECORD, record("never")).catch((error: unknown) => error);
    assert.match(String(failure), /POST \/zones\/[0-9a-f]{32}\/dns_records: 503 busy \(10013\)/);
    assert.equal(keptBy(failure), undefined);
    assert.equal(cloud.struck(id), 3);
  });

  it("calls that cannot succeed are not repeated", async () => {
    const id = cloud.fault({ api: "cloudflare", method: "POST", path, effect: refusal(400) });
    await assert.rejects(provider.create(RECORD, record("bad")), /400 busy/);
    assert.equal(cloud.struck(id), 1);
  });

  it("a failed update keeps the resource with what it really is", async () => {
    const made = await provider.create(RECORD, record("kept"));
    cloud.fault({ api: "cloudflare", method: "PUT", path: `${path}/*`, effect: refusal(400) });
    const next = { ...record("kept"), content: "192.0.2.9" };
    const failure: unknown = await provider.update(RECORD, made, next).catch((error: unknown) => error);
    const kept = keptBy(failure);
    assert.deepEqual([kept?.id, kept?.outputs.content], [made.id, "192.0.2.1"]);
    cloud.liftFaults();
    await provider.remove(RECORD, made);
  });

  it("ask for nothing the emulator does not know", () => assert.deepEqual(cloud.unhandled(), []));
});
