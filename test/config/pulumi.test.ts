import assert from "node:assert/strict";
import { it } from "node:test";
import { runtime } from "@pulumi/pulumi";
import { loadHetznerAccess, loadPlatform } from "../../config/pulumi.ts";
import { messagesOf } from "../support/faults.ts";
import { platformOf, rawPlatform } from "../support/platform.ts";

it("the platform is read from the stack's config", () => {
  runtime.setAllConfig({ "chitlaq:platform": JSON.stringify(rawPlatform(2)) });
  assert.deepEqual(loadPlatform(), platformOf(2));
});

it("a stack without it is told what to write", () => {
  runtime.setAllConfig({});
  assert.deepEqual(messagesOf(loadPlatform), [
    "platform: missing, must be a group of keys; write phase, domain and ssh below chitlaq:platform",
  ]);
});

it("Hetzner's API is where the provider finds it: config before environment, and nowhere without a token", () => {
  const before = { ...process.env };
  try {
    Object.assign(process.env, { HCLOUD_TOKEN: "of the environment", HCLOUD_ENDPOINT: "http://127.0.0.1:1/v1/" });
    runtime.setAllConfig({ "hcloud:token": "of the config" });
    assert.deepEqual(loadHetznerAccess(), { endpoint: "http://127.0.0.1:1/v1", token: "of the config" });
    runtime.setAllConfig({ "hcloud:endpoint": "http://127.0.0.1:2/v1" });
    assert.deepEqual(loadHetznerAccess(), { endpoint: "http://127.0.0.1:2/v1", token: "of the environment" });
    process.env.HCLOUD_TOKEN = "";
    assert.equal(loadHetznerAccess(), null);
  } finally {
    process.env = before;
  }
});
