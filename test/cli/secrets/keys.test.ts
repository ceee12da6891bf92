import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { it } from "node:test";
import { createSshKey, sshPublicKey } from "../../../cli/secrets/keys.ts";

it("SSH keys are whole, every one: OpenSSH refuses a pair that lost a leading zero byte", () => {
  // About seven of so many pairs lack one when the library's are taken as they come.
  for (let trial = 0; trial < 1000; trial += 1) {
    const { privateKey, publicKey } = createSshKey("test");
    const [type, blob = "", comment] = publicKey.split(" ");
    assert.deepEqual([type, comment], ["ssh-ed25519", "test"]);
    assert.equal(Buffer.from(blob, "base64").length, 51);
    assert.equal(sshPublicKey(privateKey), `${type} ${blob}`);
  }
});

it("OpenSSH reads them", (t) => {
  const { privateKey, publicKey } = createSshKey("test");
  const read = spawnSync("ssh-keygen", ["-y", "-f", "/dev/stdin"], { input: privateKey, encoding: "utf8" });
  if (read.error !== undefined) return t.skip("ssh-keygen is not there");
  // It insists on a private file and says so; a key it cannot read is another message.
  if (/permissions/i.test(read.stderr)) return t.skip("ssh-keygen reads keys from files only");
  assert.ok(publicKey.startsWith(read.stdout.trim().split(" ").slice(0, 2).join(" ")), read.stderr);
});
