import assert from "node:assert/strict";
import { it } from "node:test";
import { refusedLogin } from "../../components/delivery/refused-login.ts";

const goPlugin =
  "after 60 failed attempts: ssh: handshake failed: ssh: unable to authenticate, attempted methods [none publickey], no supported methods remain";
const standIn = "after 61 failed attempts: root@192.0.2.1: All configured authentication methods failed";

it("a refused key is explained, with the way out, whichever plugin met it", () => {
  for (const error of [goPlugin, standIn]) {
    const message = refusedLogin("phase2", "delivery-db-1-files", [error]) ?? "";
    assert.match(message, /^delivery-db-1-files: the machine refuses the delivery key of stack phase2/);
    assert.match(message, /\.\/chitlaq secrets init phase2.*docs\/runbooks\/replace\.md$/);
  }
});

it("other failures are left to speak for themselves", () => {
  const others = ["dial 192.0.2.1:22: no answer in 15 s", "chitlaq-activate.service failed", "connection refused"];
  assert.equal(refusedLogin("phase2", "delivery-db-1-files", others), null);
});
