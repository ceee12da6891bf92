import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { readCertificates } from "../../../cli/secrets/keys.ts";
import type { Values } from "../../../cli/secrets/make.ts";
import { deliveryPublicKeys } from "../../../cli/secrets/store.ts";
import { complete, faults, rotate, wantedOf } from "./support.ts";

const wanted = wantedOf(2);
const before = await complete(wanted);

const changedBetween = (left: Values, right: Values): readonly string[] =>
  [...new Set([...left.keys(), ...right.keys()])]
    .filter((name) => left.get(name) !== right.get(name))
    .toSorted((a, b) => (a < b ? -1 : 1));

/** A machine that has `trust` as its authorities accepts the certificate a machine shows. */
const accepts = (trust: Values, shown: Values, name: string): boolean => {
  const [certificate] = readCertificates(shown.get(name) ?? "") ?? [];
  const authorities = readCertificates(trust.get("ca.crt") ?? "") ?? [];
  return authorities.some(
    (authority) => certificate?.checkIssued(authority) === true && certificate.verify(authority.publicKey),
  );
};

const pairs = ["machine-db-1.crt", "machine-db-2.crt", "machine-redis-1.crt"];

describe("secrets rotate", () => {
  it("without a name changes passwords and machines' certificates, and nothing that would cut something off", async () => {
    const { values } = await rotate(wanted, before, []);
    const changed = changedBetween(before, values);
    assert.ok(changed.includes("postgres-app-password") && changed.includes("machine-db-1.key"));
    for (const name of [
      "ca.crt",
      "ca.key",
      "delivery-key",
      "restic-password",
      "backup-cipher-passphrase",
      "s3-secret-key",
      "origin.crt",
      "origin-pull-ca.pem",
    ]) {
      assert.ok(!changed.includes(name), name);
    }
    assert.deepEqual(faults(wanted, values), []);
  });

  it("changes only what is named, a pair as a whole", async () => {
    const one = await rotate(wanted, before, ["valkey-app-password"]);
    assert.deepEqual(changedBetween(before, one.values), ["valkey-app-password"]);
    const pair = await rotate(wanted, before, ["machine-db-1.key"]);
    assert.deepEqual(changedBetween(before, pair.values), ["machine-db-1.crt", "machine-db-1.key"]);
    assert.deepEqual(faults(wanted, pair.values), []);
  });

  it("gives up what a passphrase encrypted only when told to", async () => {
    await assert.rejects(rotate(wanted, before, ["backup-cipher-passphrase"]), /could not be read/);
    const { values } = await rotate(wanted, before, ["backup-cipher-passphrase"], { loseEncrypted: true });
    assert.deepEqual(changedBetween(before, values), ["backup-cipher-passphrase"]);
  });

  it("refuses what comes from elsewhere and what does not exist", async () => {
    await assert.rejects(rotate(wanted, before, ["s3-secret-key"]), /comes from elsewhere/);
    await assert.rejects(rotate(wanted, before, ["nonsense"]), /nonsense: stack test has no such secret/);
  });

  it("changes the authority in steps between which every machine accepts every other", async () => {
    const joined = (await rotate(wanted, before, ["ca.crt"])).values;
    const renewed = (await rotate(wanted, joined, pairs)).values;
    const ended = (await rotate(wanted, renewed, ["ca.crt"])).values;
    for (const [old, now] of [
      [before, joined],
      [joined, renewed],
      [renewed, ended],
    ] as const) {
      // In the middle of a delivery some machines have the old values and some the new.
      for (const name of pairs) {
        assert.ok(accepts(old, now, name) && accepts(now, old, name), name);
      }
      assert.deepEqual(faults(wanted, now), []);
    }
    assert.equal(readCertificates(joined.get("ca.crt") ?? "")?.length, 2);
    assert.equal(readCertificates(ended.get("ca.crt") ?? "")?.length, 1);
    assert.ok(!accepts(ended, before, "machine-db-1.crt"), "in the end the old authority counts for nothing");
  });

  it("keeps the old authority while a certificate of it is in use", async () => {
    const joined = (await rotate(wanted, before, ["ca.crt"])).values;
    const half = (await rotate(wanted, joined, ["machine-db-1.crt"])).values;
    await assert.rejects(rotate(wanted, half, ["ca.crt"]), /still needed by machine-db-2\.crt, machine-redis-1\.crt/);
  });

  it("changes the delivery key in two steps, so that machines know the new one before it is used", async () => {
    const keysOf = (values: Values) => Object.entries(deliveryPublicKeys("test", values));
    const waiting = (await rotate(wanted, before, ["delivery-key"])).values;
    assert.equal(waiting.get("delivery-key"), before.get("delivery-key"));
    assert.equal(keysOf(waiting).length, 2);
    const used = (await rotate(wanted, waiting, ["delivery-key"])).values;
    assert.deepEqual(
      keysOf(used),
      keysOf(waiting).slice(1),
      "the new key keeps its name: Hetzner knows each only once",
    );
    assert.deepEqual(faults(wanted, used), []);
  });

  it("lets nginx trust the edge's old certificate until the edge shows the new one", async () => {
    const { values } = await rotate(wanted, before, ["edge-client.crt"]);
    const trusted = readCertificates(values.get("origin-pull-ca.pem") ?? "") ?? [];
    for (const state of [before, values]) {
      const [shown] = readCertificates(state.get("edge-client.crt") ?? "") ?? [];
      assert.ok(trusted.some((authority) => shown?.verify(authority.publicKey) === true));
    }
    assert.deepEqual(faults(wanted, values), []);
    const again = (await rotate(wanted, values, ["edge-client.crt"])).values;
    assert.equal(readCertificates(again.get("origin-pull-ca.pem") ?? "")?.length, 2, "only the one before is kept");
  });

  it("says what to do next", async () => {
    const { rotated } = await rotate(wanted, before, ["ca.crt"]);
    assert.equal(rotated.next[0], "pulumi up --stack test");
    assert.match(rotated.next[1] ?? "", /secrets rotate test machine-db-1\.crt machine-db-2\.crt machine-redis-1\.crt/);
  });
});
