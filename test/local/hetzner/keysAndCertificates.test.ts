import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { battery, keys } from "./harness.ts";

battery("SSH keys", (api) => {
  test("name and key are unique, the fingerprint is the MD5 of the key", async () => {
    const { ssh_key: key } = await api.expect(201, "POST", "/ssh_keys", { name: "one", public_key: keys.first });
    assert.match(key.fingerprint, /^([0-9a-f]{2}:){15}[0-9a-f]{2}$/);
    const byName = await api.refuse(409, "uniqueness_error", "POST", "/ssh_keys", {
      name: "one",
      public_key: keys.second,
    });
    assert.deepEqual(byName.details.fields, [{ name: "name" }]);
    const [type, blob] = keys.first.split(" ");
    const same = { name: "two", public_key: `${type} ${blob} another comment` };
    const byKey = await api.refuse(409, "uniqueness_error", "POST", "/ssh_keys", same);
    assert.deepEqual(byKey.details.fields, [{ name: "fingerprint" }]);
    const found = (await api.expect(200, "GET", `/ssh_keys?fingerprint=${key.fingerprint}`)).ssh_keys;
    assert.deepEqual(
      found.map(({ id }) => id),
      [key.id],
    );
    assert.equal((await api.expect(200, "PUT", `/ssh_keys/${key.id}`, { name: "renamed" })).ssh_key.name, "renamed");
    await api.expect(204, "DELETE", `/ssh_keys/${key.id}`);
    await api.refuse(404, "not_found", "GET", `/ssh_keys/${key.id}`);
  });

  test("what is no OpenSSH key is refused", async () => {
    for (const public_key of ["", "hello", "ssh-rsa AAAA", keys.first.replace("ssh-ed25519 ", "ssh-rsa ")]) {
      await api.refuse(422, "invalid_input", "POST", "/ssh_keys", { name: "bad", public_key });
    }
  });
});

function selfSigned(): { certificate: string; private_key: string } | undefined {
  const directory = mkdtempSync(join(tmpdir(), "local-cert-"));
  const [key, certificate] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  try {
    const names = "subjectAltName=DNS:example.com,DNS:www.example.com";
    execFileSync(
      "openssl",
      // biome-ignore format: one option per pair
      ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj", "/CN=example.com", "-addext", names, "-keyout", key, "-out", certificate],
      { stdio: "ignore" },
    );
    return { certificate: readFileSync(certificate, "utf8"), private_key: readFileSync(key, "utf8") };
  } catch {
    return undefined;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

battery("certificates", (api) => {
  test("an uploaded one is read, used by a load balancer, and held by it", async (t) => {
    const pair = selfSigned();
    if (pair === undefined) return t.skip("openssl is not installed");
    const { certificate, action } = await api.expect(201, "POST", "/certificates", {
      name: "own",
      type: "uploaded",
      ...pair,
    });
    assert.equal(action, null);
    assert.deepEqual(certificate.domain_names, ["example.com", "www.example.com"]);
    assert.match(certificate.fingerprint ?? "", /^([0-9a-f]{2}:){31}[0-9a-f]{2}$/);
    assert.ok(Date.parse(certificate.not_valid_after ?? "") > Date.now());

    const { load_balancer: balancer } = await api.done("POST", "/load_balancers", {
      name: "tls",
      load_balancer_type: "lb11",
      location: "fsn1",
      services: [{ protocol: "https", http: { certificates: [certificate.id], redirect_http: true } }],
    });
    const used = (await api.expect(200, "GET", `/certificates/${certificate.id}`)).certificate.used_by;
    assert.deepEqual(used, [{ id: balancer.id, type: "load_balancer" }]);
    await api.refuse(422, "resource_in_use", "DELETE", `/certificates/${certificate.id}`);
    await api.done("DELETE", `/load_balancers/${balancer.id}`);
    await api.expect(204, "DELETE", `/certificates/${certificate.id}`);
    const state = JSON.stringify((await api.call("GET", "/_local/state")).body);
    assert.ok(!state.includes("PRIVATE KEY"), "the private key is not kept");
    return undefined;
  });

  test("a certificate and a key that do not fit are refused", async (t) => {
    const [one, two] = [selfSigned(), selfSigned()];
    if (one === undefined || two === undefined) return t.skip("openssl is not installed");
    const body = { name: "mixed", certificate: one.certificate, private_key: two.private_key };
    const fault = await api.refuse(422, "invalid_input", "POST", "/certificates", body);
    assert.deepEqual(
      fault.details.fields.map(({ name }) => name),
      ["private_key"],
    );
    await api.refuse(422, "invalid_input", "POST", "/certificates", { ...body, certificate: "nonsense" });
    return undefined;
  });

  test("a managed one cannot be issued without a DNS zone at the provider", async () => {
    const body = { name: "managed", type: "managed", domain_names: ["example.com"] };
    const { certificate, action } = await api.expect(201, "POST", "/certificates", body);
    assert.deepEqual([certificate.status?.issuance, certificate.certificate], ["pending", null]);
    assert.equal((await api.settle(action)).error?.code, "dns_zone_not_found");
    const failed = (await api.expect(200, "GET", `/certificates/${certificate.id}`)).certificate;
    assert.deepEqual([failed.status?.issuance, failed.status?.error?.code], ["failed", "dns_zone_not_found"]);
    await api.settle((await api.expect(201, "POST", `/certificates/${certificate.id}/actions/retry`)).action);
    await api.expect(204, "DELETE", `/certificates/${certificate.id}`);
  });
});
