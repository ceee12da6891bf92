import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { endpointFaults } from "../../../../local/plugins/core/loopback.ts";

const reasons = (endpoint: string | undefined): readonly string[] =>
  endpointFaults("endpoint", endpoint, "HCLOUD_ENDPOINT").map(({ reason }) => reason);

describe("the endpoint of a stand-in", () => {
  for (const endpoint of [
    "http://127.0.0.1:8080/v1",
    "https://127.9.9.9",
    "http://localhost:1/v1",
    "http://[::1]:80/v1",
    "http://2130706433/v1",
  ]) {
    it(`may be ${endpoint}`, () => assert.deepEqual(reasons(endpoint), []));
  }

  for (const endpoint of [
    "https://api.hetzner.cloud/v1",
    "http://127.0.0.1.example.com/",
    "http://localhost.example.com/",
    "http://127.0.0.1@192.0.2.1/",
    "http://10.0.0.1/",
    "http://0.0.0.0/",
    "http://[::ffff:192.0.2.1]/",
    "http://[fe80::1]/",
  ]) {
    it(`may not be ${endpoint}`, () => {
      const [reason = "", ...more] = reasons(endpoint);
      assert.deepEqual(more, []);
      assert.ok(reason.startsWith(`endpoint: "${endpoint}" given`), reason);
      assert.match(reason, /loopback/);
    });
  }

  it("must be an http URL, and must be given", () => {
    assert.match(reasons("ftp://127.0.0.1/")[0] ?? "", /http or https/);
    assert.match(reasons("127.0.0.1:8080")[0] ?? "", /http or https/);
    assert.match(reasons("")[0] ?? "", /HCLOUD_ENDPOINT/);
    assert.match(reasons(undefined)[0] ?? "", /HCLOUD_ENDPOINT/);
  });
});
