import assert from "node:assert/strict";
import { test } from "node:test";
import { raisedLimit } from "../../../local/machines/inotify.ts";

test("the limit of inotify instances is raised to hold several clouds, and never lowered", () => {
  assert.equal(raisedLimit("128\n"), 1024);
  assert.equal(raisedLimit("1023\n"), 1024);
  assert.equal(raisedLimit("1024\n"), null);
  assert.equal(raisedLimit("8192\n"), null);
});
