import assert from "node:assert/strict";
import { it } from "node:test";
import { runtime } from "@pulumi/pulumi";
import { loadPlatform } from "../../config/pulumi.ts";
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
