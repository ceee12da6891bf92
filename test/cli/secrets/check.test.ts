import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkSecrets, leftOver } from "../../../cli/secrets/check.ts";
import { createAuthority, createSshKey, issue } from "../../../cli/secrets/keys.ts";
import type { Values } from "../../../cli/secrets/make.ts";
import { deliveryPublicKeys } from "../../../cli/secrets/store.ts";
import { complete, days, faults, findings, now, wantedOf } from "./support.ts";

const wanted = wantedOf(2);
const values = await complete(wanted);
const other = await complete(wanted);

const withValue = (name: string, value: string | undefined): Values => {
  const changed = new Map(values);
  if (value === undefined) changed.delete(name);
  else changed.set(name, value);
  return changed;
};

describe("secrets check", () => {
  const cases: readonly (readonly [what: string, name: string, value: string | undefined, problem: RegExp])[] = [
    ["a missing one", "postgres-app-password", undefined, /^postgres-app-password: missing$/],
    ["a missing one of somebody else's", "s3-secret-key", undefined, /^s3-secret-key: missing \(shown once/],
    ["a short password", "postgres-app-password", "Kx8", /weak: 3 characters, 32 are wanted/],
    ["a monotonous one", "postgres-app-password", "ab".repeat(20), /weak: hardly any different characters/],
    [
      "one that files would have to quote",
      "valkey-app-password",
      `${"aB3dE6gH".repeat(4)}'$`,
      /more than letters and digits/,
    ],
    ["a given one that cannot be right", "s3-access-key", "abc", /weak: fewer than 8 characters/],
    ["text for a certificate", "machine-db-1.crt", "hello", /is no certificate in PEM form/],
    ["text for a key", "machine-db-1.key", "hello", /is no private key in PEM form/],
    [
      "the certificate of another machine",
      "machine-db-1.crt",
      values.get("machine-db-2.crt"),
      /does not name db-1, chitlaq-phase2-db-1, 10\.0\.3\.11/,
    ],
    [
      "the key of another machine",
      "machine-db-1.key",
      values.get("machine-db-2.key"),
      /machine-db-1\.crt: does not belong to machine-db-1\.key/,
    ],
    ["another authority", "ca.crt", other.get("ca.crt"), /machine-db-2\.crt: is not signed by the stack's authority/],
    [
      "the key of another authority",
      "ca.key",
      other.get("ca.key"),
      /ca\.key: does not belong to the first certificate of ca\.crt/,
    ],
    [
      "another authority for the edge",
      "origin-pull-ca.pem",
      other.get("origin-pull-ca.pem"),
      /edge-client\.crt: is not signed by origin-pull-ca\.pem/,
    ],
    ["a broken SSH key", "delivery-key", "hello", /delivery-key: is no SSH private key/],
  ];
  for (const [what, name, value, problem] of cases) {
    it(`reports ${what}`, () => {
      assert.ok(
        faults(wanted, withValue(name, value)).some((fault) => problem.test(fault)),
        faults(wanted, withValue(name, value)).join("\n"),
      );
    });
  }

  it("finds nothing wrong with what init made", () => {
    assert.deepEqual(faults(wanted, values), []);
  });

  it("says that Cloudflare refuses a certificate the stack signed for itself, and what to do", () => {
    const [finding, ...rest] = findings(wanted, values);
    assert.deepEqual(rest, []);
    assert.equal(finding?.name, "origin.crt");
    assert.match(finding?.problem ?? "", /error 526/);
    assert.match(finding?.fix ?? "", /CLOUDFLARE_API_TOKEN/);
  });

  it("reports certificates from 30 days before their end, authorities from 180", () => {
    assert.deepEqual(faults(wanted, values, days(699)), []);
    const near = faults(wanted, values, days(701));
    assert.ok(near.includes("machine-db-1.crt: expires on 2028-11-22, in less than 30 days"), near.join("\n"));
    assert.ok(faults(wanted, values, days(731)).includes("machine-db-1.crt: expired on 2028-11-22"));
    const late = faults(wanted, values, days(3650 - 179)).filter((fault) => fault.startsWith("ca.crt"));
    assert.deepEqual(late, ["ca.crt: expires on 2036-11-20, in less than 180 days"]);
  });

  it("reports a delivery key that the stack file does not name, and values in clear text", () => {
    const base = { stack: "test", wanted, values, now, publicKeys: deliveryPublicKeys("test", values) };
    const problems = (changes: object) =>
      checkSecrets({ ...base, plain: [], ...changes }).map(({ name, problem }) => `${name}: ${problem}`);
    const stranger = { operations: createSshKey("x").publicKey };
    assert.ok(
      problems({ publicKeys: stranger }).includes(
        "delivery-key: its public half is not among the stack's ssh.publicKeys",
      ),
    );
    assert.ok(problems({ plain: ["s3-secret-key"] }).includes("s3-secret-key: is stored in clear text"));
  });

  it("never shows a value, whatever is wrong with it", async () => {
    const authority = await createAuthority("x", now);
    const wrong = await issue(authority, { commonName: "y", names: [], addresses: [] }, days(-800));
    const broken = new Map(
      [...values.keys()].map((name) => [name, name.endsWith(".crt") ? wrong.certificate : "tell-nobody-9"]),
    );
    const text = JSON.stringify(findings(wanted, broken));
    assert.doesNotMatch(text, /tell-nobody/);
    assert.doesNotMatch(text, /BEGIN/);
    assert.ok(findings(wanted, broken).length > 15);
  });
});

it("names stored secrets that nothing needs any more", () => {
  const stored = [...values.keys(), "machine-db-9.crt", "delivery-key-next"];
  assert.deepEqual(leftOver(wanted, stored), ["machine-db-9.crt"]);
});
