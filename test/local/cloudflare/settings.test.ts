/** Zone settings and the one-value features of a zone. */

import assert from "node:assert/strict";
import { it } from "node:test";
import { battery } from "./harness.ts";

battery("settings", "pro", (api, { zone }) => {
  const path = `/zones/${zone}/settings`;

  it("start at their defaults and keep what they are given", async () => {
    const before = await api.result("GET", `${path}/ssl`);
    assert.deepEqual(before, { id: "ssl", editable: true, modified_on: null, value: "full" });
    const after = await api.result("PATCH", `${path}/ssl`, { value: "strict" });
    assert.deepEqual([after.value, (await api.result("GET", `${path}/ssl`)).value], ["strict", "strict"]);
    assert.notEqual(after.modified_on, null);
  });

  it("list every setting once", async () => {
    const ids = (await api.result("GET", path)).map(({ id }: { id: string }) => id);
    assert.equal(new Set(ids).size, ids.length);
    for (const id of ["ssl", "min_tls_version", "always_use_https", "http3", "0rtt", "security_header"]) {
      assert.ok(ids.includes(id), id);
    }
  });

  it("take an object and a number where the setting is one", async () => {
    const value = {
      strict_transport_security: { enabled: true, max_age: 86_400, include_subdomains: true, preload: false },
    };
    assert.deepEqual((await api.result("PATCH", `${path}/security_header`, { value })).value, value);
    assert.equal((await api.result("PATCH", `${path}/browser_cache_ttl`, { value: 3600 })).value, 3600);
    assert.equal((await api.result("PATCH", `${path}/ssl_recommender`, { enabled: false })).enabled, false);
  });

  it("refuse an unknown name, a wrong or missing value, and what the plan does not have", async () => {
    await api.refuse(400, 1006, "GET", `${path}/colour`);
    await api.refuse(400, 1006, "PATCH", `${path}/colour`, { value: "red" });
    await api.refuse(400, 1007, "PATCH", `${path}/ssl`, { value: "tight" });
    await api.refuse(400, 1007, "PATCH", `${path}/ssl`);
    await api.refuse(400, 1007, "PATCH", `${path}/min_tls_version`, { value: 1.2 });
    await api.refuse(403, 1015, "PATCH", `${path}/sort_query_string_for_cache`, { value: "on" });
    const free = await api.zone("free.example", "free");
    await api.refuse(403, 1015, "PATCH", `/zones/${free}/settings/polish`, { value: "lossy" });
    assert.equal((await api.result("GET", `/zones/${free}/settings/polish`)).editable, false);
    assert.equal((await api.result("PATCH", `${path}/polish`, { value: "lossy" })).value, "lossy");
  });

  it("switch tiered cache and Argo, and forget the former", async () => {
    const tiered = `/zones/${zone}/cache/tiered_cache_smart_topology_enable`;
    assert.equal((await api.result("POST", tiered, { value: "on" })).value, "on");
    assert.equal((await api.result("PATCH", tiered, { value: "off" })).value, "off");
    await api.result("PATCH", tiered, { value: "on" });
    await api.result("DELETE", tiered);
    assert.equal((await api.result("GET", tiered)).value, "off");
    for (const name of ["tiered_caching", "smart_routing"]) {
      assert.equal((await api.result("GET", `/zones/${zone}/argo/${name}`)).value, "off");
      assert.equal((await api.result("PATCH", `/zones/${zone}/argo/${name}`, { value: "on" })).value, "on");
      assert.equal((await api.result("GET", `/zones/${zone}/argo/${name}`)).value, "on");
    }
    await api.refuse(400, 10_001, "PATCH", `/zones/${zone}/argo/tiered_caching`, { value: "yes" });
  });

  it("switch authenticated origin pulls", async () => {
    const pulls = `/zones/${zone}/origin_tls_client_auth/settings`;
    assert.deepEqual(await api.result("GET", pulls), { enabled: false });
    assert.deepEqual(await api.result("PUT", pulls, { enabled: true }), { enabled: true });
    assert.deepEqual(await api.result("GET", pulls), { enabled: true });
  });

  it("merge bot management and refuse the fields of another plan", async () => {
    const bots = `/zones/${zone}/bot_management`;
    await api.result("PUT", bots, { sbfm_definitely_automated: "block" });
    const merged = await api.result("PUT", bots, { enable_js: true });
    assert.deepEqual([merged.sbfm_definitely_automated, merged.enable_js], ["block", true]);
    await api.refuse(400, [10_006, 10_006], "PUT", bots, { fight_mode: true, sbfm_likely_automated: "block" });
    const free = await api.zone("free.example", "free");
    assert.equal((await api.result("PUT", `/zones/${free}/bot_management`, { fight_mode: true })).fight_mode, true);
    await api.refuse(400, 10_006, "PUT", `/zones/${free}/bot_management`, { sbfm_verified_bots: "block" });
  });
});
