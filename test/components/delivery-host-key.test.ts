import assert from "node:assert/strict";
import { it } from "node:test";
import { type Expected, fingerprint, otherHostKey } from "../../components/delivery/host-key.ts";

const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ6pmZYlyS3Jm3jq0GkXG9pUYYfC0ptWpmZ0bFpzcDvU";
const machine: Expected = { machine: "db-1", host: "10.0.3.11", hostKey };
const gateway: Expected = { machine: "lb-1", host: "192.0.2.1", hostKey };
const said = (expected: readonly Expected[], error: string) =>
  otherHostKey("delivery", "phase2", expected, [error]) ?? "";

it("a fingerprint is the one ssh-keygen shows", () => {
  assert.match(fingerprint(hostKey), /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.equal(fingerprint(`${hostKey} root@db-1`), fingerprint(hostKey));
});

it("another host key is explained with the machine, what was expected and the way out", () => {
  for (const error of [
    "after 60 failed attempts: ssh: handshake failed: ssh: host key mismatch",
    "after 60 failed attempts: ssh: handshake failed: ssh: no common algorithm for host key; we offered: [ssh-ed25519], peer offered: [rsa-sha2-512]",
    "root@10.0.3.11: Host denied (verification failed)",
    "root@10.0.3.11: Handshake failed: no matching host key format",
  ]) {
    const message = said([machine], error);
    assert.ok(message.startsWith(`db-1 (10.0.3.11, ${fingerprint(hostKey)} on record) does not show`), message);
    assert.match(message, /nothing was sent to it.*pulumi up --stack phase2 --replace '\*\*::delivery-db-1-look'/);
  }
});

it("behind a gateway it is the one the plugin names, or either of them", () => {
  const through = [machine, gateway];
  assert.match(said(through, "root@192.0.2.1: Host denied (verification failed)"), /^lb-1 \(192\.0\.2\.1, /);
  assert.match(
    said(through, "root@10.0.3.11: Host denied (verification failed)"),
    /^db-1 \(10\.0\.3\.11, [^)]*\) does/,
  );
  assert.match(
    said(through, "proxy: after 60 failed attempts: ssh: handshake failed: ssh: host key mismatch"),
    /^db-1 \(.*\) or lb-1 \(.*--replace '\*\*::delivery-db-1-look' --replace '\*\*::delivery-lb-1-look'/,
  );
});

it("a login behind a gateway of which only the last attempt is known may have failed for two reasons", () => {
  const error = "proxy: after 60 failed attempts: ssh: handshake failed: EOF";
  assert.match(said([machine, gateway], error), /^db-1 \([^)]*\) does not show .*, or refuses the delivery key: /);
});

it("other failures, and the first look itself, are left to speak for themselves", () => {
  assert.equal(said([machine], "Process exited with status 1"), "");
  assert.equal(said([machine], "ssh: handshake failed: ssh: unable to authenticate"), "");
  assert.equal(said([], "ssh: handshake failed: ssh: host key mismatch"), "");
});
