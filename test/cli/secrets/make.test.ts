import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { randomText, readCertificates, readKey, sshPublicKey } from "../../../cli/secrets/keys.ts";
import { makeMissing } from "../../../cli/secrets/make.ts";
import { complete, faults, given, making, now, originAuthority, signOrigin, wantedOf } from "./support.ts";

const certificateOf = (pem: string | undefined) => {
  const [certificate] = readCertificates(pem ?? "") ?? [];
  assert.ok(certificate);
  return certificate;
};

describe("secrets init", () => {
  for (const phase of [1, 2, 3] as const) {
    it(`makes everything phase ${phase} needs but what only others can give`, async () => {
      const wanted = wantedOf(phase);
      const made = await makeMissing(making(wanted, new Map()));
      assert.deepEqual(
        made.missing.map(({ name }) => name),
        ["s3-access-key", "s3-secret-key"],
      );
      assert.deepEqual(faults(wanted, new Map([...made.values, ...given])), []);
    });
  }

  it("leaves alone what exists, and a second run makes nothing", async () => {
    const wanted = wantedOf(2);
    const mine = new Map([...given, ["postgres-app-password", "chosen by hand"]]);
    const made = await makeMissing(making(wanted, mine));
    assert.ok(!made.values.has("postgres-app-password"));
    const again = await makeMissing(making(wanted, new Map([...mine, ...made.values])));
    assert.deepEqual([...again.values.keys()], []);
    assert.deepEqual(again.missing, []);
  });

  it("adds what new machines need, signed by the authority there is", async () => {
    const values = await complete(wantedOf(3));
    const larger = wantedOf(3, { database: { count: 5 } });
    const made = await makeMissing(making(larger, values));
    assert.deepEqual([...made.values.keys()].toSorted(), [
      ...["machine-db-4.crt", "machine-db-4.key", "machine-db-5.crt", "machine-db-5.key"],
    ]);
    assert.deepEqual(faults(larger, new Map([...values, ...made.values])), []);
  });

  it("completes what a run that was cut off left, whatever it had stored", async () => {
    const wanted = wantedOf(2);
    const { values } = await makeMissing(making(wanted, given));
    const order = [...values];
    for (let stored = 0; stored <= order.length; stored += 1) {
      const partial = new Map([...given, ...order.slice(0, stored)]);
      if (partial.has("origin.key") && !partial.has("origin.crt")) {
        // It may be the half that an operator was given, so it is not replaced without being told to.
        await assert.rejects(makeMissing(making(wanted, partial)), /origin\.key is there, origin\.crt is not/);
        continue;
      }
      const rest = await makeMissing(making(wanted, partial));
      assert.deepEqual(faults(wanted, new Map([...partial, ...rest.values])), [], `after ${stored} values`);
    }
  });

  it("gives machines certificates for their names and addresses, good as server and client, for two years", async () => {
    const values = await complete(wantedOf(2));
    const certificate = certificateOf(values.get("machine-db-1.crt"));
    const authority = certificateOf(values.get("ca.crt"));
    for (const host of ["db-1", "chitlaq-phase2-db-1", "localhost"]) assert.ok(certificate.checkHost(host), host);
    for (const address of ["10.0.3.11", "127.0.0.1"]) assert.ok(certificate.checkIP(address), address);
    assert.ok(certificate.verify(authority.publicKey));
    assert.deepEqual(certificate.keyUsage, ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]);
    assert.ok(authority.ca && !certificate.ca);
    assert.equal(certificate.validToDate.toISOString().slice(0, 10), "2028-11-22");
    assert.ok(certificate.validFromDate.getTime() < now, "a machine's clock may be behind");
    const key = readKey(values.get("machine-db-1.key") ?? "");
    assert.ok(key && certificate.checkPrivateKey(key));
  });

  it("has the origin's certificate signed by the edge's authority, when it can", async () => {
    const wanted = wantedOf(1);
    const { values } = await makeMissing({ ...making(wanted, given), signOrigin });
    const certificate = certificateOf(values.get("origin.crt"));
    assert.ok(certificate.verify(certificateOf(originAuthority.certificate).publicKey));
    assert.ok(certificate.checkHost("api.chitlaq.com"));
  });

  it("gives the edge a certificate of an authority of its own, unless another authority was given", async () => {
    const wanted = wantedOf(1);
    const values = await complete(wanted);
    const edge = certificateOf(values.get("edge-client.crt"));
    assert.ok(edge.verify(certificateOf(values.get("origin-pull-ca.pem")).publicKey));
    assert.ok(
      !edge.verify(certificateOf(values.get("ca.crt")).publicKey),
      "a machine's certificate must not pass as the edge",
    );
    const shared = new Map([...given, ["origin-pull-ca.pem", originAuthority.certificate]]);
    const made = await makeMissing(making(wanted, shared));
    assert.ok(!made.values.has("edge-client.crt"));
    assert.deepEqual(made.missing, []);
    assert.deepEqual(faults(wanted, new Map([...shared, ...made.values])), []);
  });

  it("makes an SSH key that OpenSSH knows", async () => {
    const values = await complete(wantedOf(1));
    assert.match(sshPublicKey(values.get("delivery-key") ?? "") ?? "", /^ssh-ed25519 AAAAC3Nza/);
  });
});

it("random text has its length, letters and digits only, and never comes twice", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.integer({ min: 16, max: 64 }), (length) => {
      const text = randomText(length);
      assert.equal(text.length, length);
      assert.match(text, /^[A-Za-z0-9]+$/);
      assert.ok(!seen.has(text));
      seen.add(text);
    }),
  );
  assert.equal(new Set(randomText(5000)).size, 62, "every letter and digit is possible");
});
