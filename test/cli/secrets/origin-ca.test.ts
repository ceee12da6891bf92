import assert from "node:assert/strict";
import { it } from "node:test";
import { certificateRequest, readCertificates, readKey } from "../../../cli/secrets/keys.ts";
import { cloudflareAccess, signAtCloudflare } from "../../../cli/secrets/originCa.ts";
import { startLocalCloud } from "../../support/local-cloud.ts";

it("has the origin's certificate signed by Cloudflare without its key leaving, and says what Cloudflare objected to", async (t) => {
  const cloud = await startLocalCloud(t, { zones: [{ name: "chitlaq.com", plan: "pro" }] });
  const sign = signAtCloudflare(cloud.endpoints.cloudflare, new AbortController().signal);
  const hosts = ["chitlaq.com", "api.chitlaq.com"];
  const { key, request } = await certificateRequest(hosts);
  const [certificate] = readCertificates(await sign(request, hosts)) ?? [];
  const readable = readKey(key);
  assert.ok(certificate && readable);
  assert.ok(certificate.checkPrivateKey(readable));
  for (const host of hosts) assert.ok(certificate.checkHost(host), host);
  await assert.rejects(sign(request, ["example.org"]), /did not sign the certificate for example\.org: .*\(1010\)/);
});

it("asks Cloudflare only with a token, at the address the provider uses", () => {
  assert.equal(cloudflareAccess({}), undefined);
  assert.equal(cloudflareAccess({ CLOUDFLARE_API_TOKEN: "t" })?.endpoint, "https://api.cloudflare.com/client/v4");
  assert.equal(cloudflareAccess({ CLOUDFLARE_API_TOKEN: "t", CLOUDFLARE_BASE_URL: "http://x" })?.endpoint, "http://x");
});
